"""Files of weights, read with care: by content, in pieces, never by libraries that would run what is in them."""

"""A page that needs nothing else: no script, style, font or picture from anywhere."""

import hashlib
from base64 import b64encode

from gateway.pages.words import plain


def head(title: str, css: str, script: str = "", *, styled_by_attribute: bool = False) -> str:
    """Everything up to the page's `<main>`. A browser runs this script and applies this style, by their digests, and
    nothing else; `styled_by_attribute`: elements have style attributes too. `script` runs when the page is there."""
    styles = "'unsafe-inline'" if styled_by_attribute else _digest(css)
    policy = f"default-src 'none'; style-src {styles}; base-uri 'none'; form-action 'none'"
    policy += f"; script-src {_digest(script)}" if script else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="referrer" content="no-referrer"><title>{plain(title)}</title><style>{css}</style>'
        "</head><body><main>"
    )


def document(body: str, script: str = "") -> str:
    """`body`: with its head."""
    return f"{body}</main>{f'<script>{script}</script>' if script else ''}</body></html>\n"


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

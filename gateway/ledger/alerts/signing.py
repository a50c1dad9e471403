"""The signature of Standard Webhooks (github.com/standard-webhooks/standard-webhooks, version 1.0.0).

HMAC-SHA256 over `<id>.<timestamp>.<body>`, as `v1,<base64>`. The id stays the same for every attempt, so a receiver
takes an event once; the timestamp (Unix seconds) is the attempt's, so an old request cannot be played again.
"""

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"


def secret_key(secret: str) -> bytes:
    """The key in a secret.

    Raises:
        ValueError: it is none. The message does not show it.
    """
    said = f"a webhook's secret is `{PREFIX}` and the base64 of 24 to 64 random bytes"
    if not secret.startswith(PREFIX):
        raise ValueError(said)
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(said) from None
    if not 24 <= len(key) <= 64:
        raise ValueError(said)
    return key


def signed_headers(key: bytes, event_id: str, unix_s: int, body: bytes) -> dict[str, str]:
    content = f"{event_id}.{unix_s}.".encode() + body
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {"webhook-id": event_id, "webhook-timestamp": str(unix_s), "webhook-signature": f"v1,{signature}"}

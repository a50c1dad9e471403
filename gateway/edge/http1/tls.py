"""TLS as this server speaks it: 1.2 or newer, for HTTP/1.1; clients' certificates where an authority is named."""

import ssl


def tls_context(cert: str, key: str, client_ca: str | None) -> ssl.SSLContext:
    """From PEM files.

    Raises:
        OSError: a file is missing, or is not what it should be.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(cert, key)
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context

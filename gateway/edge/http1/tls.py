"""TLS as this server speaks it: 1.2 or newer, for HTTP/1.1; clients' certificates where an authority is named; renewed
files without a restart."""

import logging
import os
import ssl

_log = logging.getLogger("gateway.edge")
# When a file was changed, its size, and which file it is: a renewal may put another one in its place.
_Stamp = tuple[int, int, int]


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


class Certificates:
    """The files of one server, and what they said when they were last right.

    Attributes:
        context: for connections that are opened now. Those that are open keep theirs.
    """

    def __init__(self, cert: str, key: str, client_ca: str | None) -> None:
        """Raises:
        OSError: as `tls_context`.
        """
        self._files = (cert, key, client_ca)
        self._seen = self._stamps()
        self.context = tls_context(cert, key, client_ca)

    def look(self) -> None:
        """Take over what has changed. Of a pair that is only half there, or wrong, nothing is: the old one stays in
        force, the log says why, and the next change is looked at again."""
        stamps = self._stamps()
        if stamps == self._seen:
            return
        self._seen = stamps
        cert = self._files[0]
        try:
            self.context = tls_context(*self._files)
        except OSError as error:  # an SSLError is one
            _log.error("the certificate in %s is not taken over: %s; the one before it stays in force", cert, error)
        else:
            _log.info("the certificate in %s is in force for new connections", cert)

    def _stamps(self) -> tuple[_Stamp | None, ...]:
        return tuple(None if file is None else _stamp(file) for file in self._files)


def _stamp(file: str) -> _Stamp | None:
    """None: it is not there."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

"""Foreign errors as faults: one table, first match wins, most special first."""

import socket
import ssl

from gateway.core.faults import Fault, Internal, UpstreamBroken, UpstreamTimeout, UpstreamUnreachable

ERRORS: tuple[tuple[type[BaseException], type[Fault], str], ...] = (
    (ssl.SSLCertVerificationError, UpstreamUnreachable, "the upstream's certificate could not be verified"),
    (ssl.SSLError, UpstreamUnreachable, "no secure connection to the upstream could be made"),
    (socket.gaierror, UpstreamUnreachable, "the upstream's host name could not be resolved"),
    (TimeoutError, UpstreamTimeout, "the upstream did not accept a connection in time"),
    (ConnectionRefusedError, UpstreamUnreachable, "the upstream refused the connection"),
    (ConnectionError, UpstreamBroken, "the connection to the upstream broke"),
    (OSError, UpstreamUnreachable, "the upstream could not be reached"),
)


def to_fault(error: Exception) -> Fault:
    """The fault for whatever the network raised. Faults pass through; what is not in the table is our own bug."""
    if isinstance(error, Fault):
        return error
    for kind, fault, message in ERRORS:
        if isinstance(error, kind):
            return fault(message)
    internal = Internal("the gateway failed while it spoke to the upstream")
    internal.__cause__ = error
    return internal

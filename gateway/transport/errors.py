"""The client's errors as faults: one table, first match wins, most special first."""

from pyreqwest import exceptions as client

from gateway.core.faults import Fault, Internal, UpstreamBroken, UpstreamTimeout, UpstreamUnreachable

ERRORS: tuple[tuple[type[BaseException], type[Fault], str], ...] = (
    (client.ConnectTimeoutError, UpstreamTimeout, "the upstream did not accept a connection in time"),
    (client.PoolTimeoutError, UpstreamTimeout, "no connection to the upstream became free in time"),
    (client.ReadTimeoutError, UpstreamTimeout, "the upstream stopped sending"),
    (client.WriteTimeoutError, UpstreamTimeout, "the upstream stopped reading the request"),
    (client.RequestTimeoutError, UpstreamTimeout, "the upstream did not answer in time"),
    (client.ConnectError, UpstreamUnreachable, "the upstream could not be reached"),
    (client.WriteError, UpstreamUnreachable, "the upstream closed the connection while the request was sent"),
    (client.ReadError, UpstreamBroken, "the upstream closed the connection in the middle of its answer"),
    (client.NetworkError, UpstreamUnreachable, "the network between gateway and upstream failed"),
    (client.DecodeError, UpstreamBroken, "the upstream's answer could not be read"),
    (client.RedirectError, UpstreamBroken, "the upstream answered with a redirect"),
    (client.StatusError, UpstreamBroken, "the upstream answered with an error"),
    (client.TransportError, UpstreamBroken, "the exchange with the upstream failed"),
    (client.RequestError, UpstreamBroken, "the exchange with the upstream failed"),
)


def to_fault(error: Exception) -> Fault:
    """The fault for whatever the client raised. Faults pass through; what is not in the table is our own bug."""
    if isinstance(error, Fault):
        return error
    for kind, fault, message in ERRORS:
        if isinstance(error, kind):
            return fault(message)
    internal = Internal("the gateway failed while it spoke to the upstream")
    internal.__cause__ = error
    return internal

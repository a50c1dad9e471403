"""What config.yaml says about going out."""

import msgspec


class Timeouts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds. `first_byte_s`: from sending to the status line; `idle_s`: between two pieces of the body; `total_s`:
    everything."""

    connect_s: float = 5.0
    first_byte_s: float = 300.0
    idle_s: float = 120.0
    total_s: float = 3600.0


class ClientOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes:
    pool_idle_s: an unused connection is closed after this long; shorter than servers' own limits, so that a request
        rarely meets a connection that is just being closed.
    max_body_bytes: bound of a whole answer in memory.
    proxy: `http://host:port` of an HTTP proxy that tunnels (CONNECT) for all upstreams.
    ca_file: PEM file of certificate authorities to trust besides the system's.
    """

    pool_idle_s: float = 4.0
    max_body_bytes: int = 64 * 1024 * 1024
    proxy: str | None = None
    ca_file: str | None = None

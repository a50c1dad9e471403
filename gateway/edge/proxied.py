"""What only a proxy in front of us may say: under another name if it is one, and left out if it is not."""

from collections.abc import Callable

from gateway.edge.asgi import App, Receive, Scope, Send


def behind_proxy(app: App, header: bytes, vouched: bytes, trusted: Callable[[str], bool]) -> App:
    """`app`, with `header` taken off every request, and given as `vouched` if it was sent once, by a trusted peer.

    Twice is what happens when a proxy adds its own to a client's: nobody can tell which is which.
    """

    async def proxied(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers: list[tuple[bytes, bytes]] = scope["headers"]
            said = [value for name, value in headers if name == header]
            kept = [pair for pair in headers if pair[0] not in (header, vouched)]
            peer = scope.get("client")
            if len(said) == 1 and peer and trusted(peer[0]):
                kept.append((vouched, said[0]))
            scope["headers"] = kept
        await app(scope, receive, send)

    return proxied

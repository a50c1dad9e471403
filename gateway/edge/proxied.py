"""What only a proxy in front of us may say: under another name if it is one, and left out if it is not."""

from gateway.edge.asgi import App, Receive, Scope, Send
from gateway.identity.certificates import VOUCHED, trusts
from gateway.identity.options import ClientCertificateOptions


def behind_proxy(app: App, options: ClientCertificateOptions | None) -> App:
    """`app`, with the header of clients' certificates taken off every request, and given as `VOUCHED` if it was sent
    once, by a trusted proxy. `app` itself where there are no options.

    Twice is what happens when a proxy adds its own to a client's: nobody can tell which is which.
    """
    if options is None:
        return app
    header, trusted = options.header.lower().encode(), trusts(options.trusted_proxies)

    async def proxied(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers: list[tuple[bytes, bytes]] = scope["headers"]
            said = [value for name, value in headers if name == header]
            kept = [pair for pair in headers if pair[0] not in (header, VOUCHED)]
            peer = scope.get("client")
            if len(said) == 1 and peer and trusted(peer[0]):
                kept.append((VOUCHED, said[0]))
            scope["headers"] = kept
        await app(scope, receive, send)

    return proxied

"""What config.yaml says that policies are read against: where models are, and what serves them."""

from collections.abc import Mapping

import msgspec

from gateway.core.target import Target


class Wiring(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    routes: names callers may ask for besides those of cards, with their targets, best first.
    providers: the names that targets may begin with; empty: not known.
    engines: providers whose models run on this machine → SHA-256 of the weights, empty if config.yaml does not say.
    price_providers: provider → the name under which its prices are published; without those that have none.
    past: the policies are older than these routes, so that what cards say of routes is not held against them.
    unnoted: words of limits (`user`, `run`, `agent`) that no call ever has → what to write in config.yaml so that calls
        have them.
    guard_services: services that guards may ask; None: not known.
    signers: public keys (PEM); policies take force only if one of them vouches. Empty: signatures are not asked for.
    """

    routes: Mapping[str, tuple[Target, ...]] = {}
    providers: frozenset[str] = frozenset()
    engines: Mapping[str, str] = {}
    price_providers: Mapping[str, str] = {}
    past: bool = False
    unnoted: Mapping[str, str] = {}
    guard_services: frozenset[str] | None = None
    signers: tuple[bytes, ...] = ()


NO_WIRING = Wiring()
# Where whoever names a provider, in a card or a route, adds one that is not there yet.
NEW_PROVIDER = "under `providers` in config.yaml, which is read at the start"

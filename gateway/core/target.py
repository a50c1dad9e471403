"""Where a call may go."""

import msgspec


class Target(msgspec.Struct, frozen=True):
    """One model at one provider. `provider` is a name in config.yaml; `model` is what the provider calls it."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


def parse_target(text: str) -> Target:
    """A target as files write it.

    Raises:
        ValueError: it is not `provider/model`.
    """
    provider, _, model = text.partition("/")
    if not provider or not model:
        raise ValueError(f"a target is `provider/model`, not `{text}`")
    return Target(provider, model)

"""Where a call may go."""

import msgspec


class Target(msgspec.Struct, frozen=True):
    """One model at one provider. `provider` is a name in config.yaml; `model` is what the provider calls it."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"

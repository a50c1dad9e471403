"""What config.yaml says about alerts."""

from typing import Annotated, Literal, get_args

import msgspec

from gateway.ledger.alerts.signing import secret_key
from gateway.transport.url import parse_url

Kind = Literal["budget.threshold_reached", "spend.anomaly", "price.missing", "experiment.arm_stopped"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TEST = "alert.test"


class WebhookOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where events are sent. An empty secret (a variable that is not set) switches it off: nothing goes out unsigned.

    Attributes:
        name: what it is called in lists and metrics.
        secret: `whsec_` and the base64 of 24 to 64 random bytes, best as `${env:NAME}`; a key of its own for each.
        events: the kinds it is told of.
    """

    name: str
    url: str
    secret: str
    events: tuple[Kind, ...] = KINDS

    def __post_init__(self) -> None:
        parse_url(self.url)
        if self.secret:
            secret_key(self.secret)

    def __repr__(self) -> str:
        return f"WebhookOptions({self.name!r})"


class AnomalyOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When an hour's spending of a team is out of the ordinary; see `anomalies.py`.

    Attributes:
        weeks: how many weeks back it is compared with. least_weeks: of history, before anything is told.
        least_amount: in the price book's currency: a smaller surplus is not told.
        least_factor: times the usual. least_score: robust standard deviations above the usual.
    """

    weeks: Annotated[int, msgspec.Meta(ge=2, le=26)] = 8
    least_weeks: Annotated[int, msgspec.Meta(ge=2, le=26)] = 3
    least_amount: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    least_factor: Annotated[float, msgspec.Meta(ge=1)] = 2.0
    least_score: Annotated[float, msgspec.Meta(gt=0)] = 5.0


class AlertOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Without webhooks, alerts are lines of the log and metrics.

    Attributes:
        thresholds: percent of a limit on money at which it is told, once each in a period.
        anomalies: null: none are looked for.
        interval_s: between two looks.
    """

    webhooks: tuple[WebhookOptions, ...] = ()
    thresholds: tuple[Annotated[int, msgspec.Meta(ge=1, le=1000)], ...] = (50, 80, 100)
    anomalies: AnomalyOptions | None = AnomalyOptions()
    interval_s: Annotated[float, msgspec.Meta(ge=0.05, le=86_400)] = 60.0

    def __post_init__(self) -> None:
        names = [one.name for one in self.webhooks]
        if len(set(names)) < len(names) or not all(name.isprintable() and name for name in names):
            raise ValueError("each webhook has a name of its own")

"""Spending out of the ordinary: an hour of a team against the same hour of the weeks before. Pure.

    y(x)   = ln(x + a)                        a: the least amount; small sums do not look like large changes
    usual  = median of y of the same hour of the week, in each of the last `weeks` weeks that the ledger knows
    spread = 1.63 × median of |y − median of its hour|, over that hour and the two before and after it, all weeks:
             a standard deviation that outliers do not move, and neither do the steps of a morning; at least 0.25
    score  = (y(now) − usual) / spread

It is told if the score is at least `least_score`, and the sum is at least `least_factor` times the usual one, and at
least `least_amount` above it. A week has its mornings, nights and weekends, so seasons of a day and a week are not out
of the ordinary; and one bad hour in the past does not become the usual, because medians do not follow it.
"""

from collections.abc import Mapping, Sequence
from math import exp, log
from statistics import median

import msgspec

from gateway.core.days import written
from gateway.core.money import NANO, decimal_text
from gateway.ledger.alerts.events import Event, amount, shown
from gateway.ledger.alerts.options import AnomalyOptions

HOUR_S, DAY_HOURS, WEEK_HOURS = 3600, 24, 168
# Hours whose spread is looked at, the hour itself first.
NEIGHBOURS = (0, -1, 1, -2, 2)
LEAST_SPREAD = 0.25
# From a median absolute deviation to a normal distribution's standard deviation, and a tenth more: of few samples, each
# lies too near to their own median.
_TO_DEVIATION = 1.4826 * 1.1

Team = tuple[str, str]


class Unusual(msgspec.Struct, frozen=True):
    """What an hour should have cost, in nano-units, and how far off it was, in robust standard deviations."""

    usual_nano: int
    score: float


def sample_hours(hour: int, first: int, options: AnomalyOptions) -> list[list[int]]:
    """The hours that `hour` is compared with, since the epoch: itself and each neighbour in each week. `first`: the
    ledger's first; what is before it is not nothing, it is not known. Empty if there is too little."""
    weeks = [hour - WEEK_HOURS * week for week in range(1, options.weeks + 1)]
    known = [at for at in weeks if at + min(NEIGHBOURS) >= first]
    if len(known) < options.least_weeks:
        return []
    return [[at + off for at in known] for off in NEIGHBOURS]


def judged(nano: int, samples: Sequence[Sequence[int]], options: AnomalyOptions) -> Unusual | None:
    """None: it is in the ordinary. `samples`: what was spent in the sample hours; nothing spent is 0."""
    least = options.least_amount * NANO
    hours = [[log(one + least) for one in of_hour] for of_hour in samples]
    medians = [median(of_hour) for of_hour in hours]
    off = [abs(one - middle) for of_hour, middle in zip(hours, medians, strict=True) for one in of_hour]
    usual, spread = medians[0], max(_TO_DEVIATION * median(off), LEAST_SPREAD)
    usual_nano = max(0, round(exp(usual) - least))
    score = (log(nano + least) - usual) / spread
    enough = nano - usual_nano >= least and nano >= options.least_factor * usual_nano
    return Unusual(usual_nano, score) if enough and score >= options.least_score else None


def anomalies(
    hour: int,
    spent: Mapping[Team, Mapping[int, int]],
    first: int,
    options: AnomalyOptions,
    currency: str,
) -> list[Event]:
    """Of every team in an hour. `spent`: nano-units by team and hour. A team is told of once a day."""
    sampled = sample_hours(hour, first, options)
    if not sampled:
        return []
    found: list[Event] = []
    for team, hours in spent.items():
        nano = hours.get(hour, 0)
        said = judged(nano, [[hours.get(at, 0) for at in of_hour] for of_hour in sampled], options) if nano else None
        if said is not None:
            found.append(_event(team, hour, nano, said, currency))
    return found


def _event(team: Team, hour: int, nano: int, said: Unusual, currency: str) -> Event:
    start = hour * HOUR_S
    spent, usual = decimal_text(nano), decimal_text(said.usual_nano)
    return Event(
        "spend.anomaly",
        f"anomaly|{msgspec.json.encode(team).decode()}|{hour // DAY_HOURS}",
        start + HOUR_S,
        f"team {shown(team[1])} of {shown(team[0])} spent {amount(nano)} {currency} in the hour from {written(start)}; "
        f"usual are {amount(said.usual_nano)}",
        {
            "tenant": team[0],
            "team": team[1],
            "hour": written(start),
            "spent": spent,
            "usual": usual,
            "currency": currency,
            "score": round(said.score, 2),
        },
    )

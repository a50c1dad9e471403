"""One scenario with one set of features: a gateway and a fleet of its own, the load, and what came of it."""

import asyncio
import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tests.conftest import Gateway, gateways
from tests.fleet import answers
from tests.fleet.control import Fleet
from tests.fleet.counts import Report
from tests.fleet.features import CONTROL, FEATURES, MODEL, SPARE, SUBJECT, routes_file, routes_of
from tests.fleet.figures import Window, back_after, percentile, series, window
from tests.fleet.load import Aim, OpenLoop, Shot
from tests.fleet.scenarios import Scenario
from tests.speed.proc import cpu_s

IN_NANO, OUT_NANO = 1_000, 2_000
UNIT_NANO = answers.INPUT_TOKENS * IN_NANO + answers.OUTPUT_TOKENS * OUT_NANO
SETTLED_WITHIN_S = 20.0


class Effort(msgspec.Struct, frozen=True):
    """`seconds`: how long it is broken. `rate_per_s`: calls, subject's and control's together."""

    seconds: float = 20.0
    rate_per_s: float = 160.0
    patience_s: float = 5.0


class Booked(NamedTuple):
    """`nano`: what calls cost, in nano-units. `roles`: attempts while it was broken, by their roles."""

    nano: int
    roles: dict[str, int]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one run. Ratios are to the control at the same time.

    Attributes:
        broken, control: calls sent while it was broken. most_s: the longest that a right answer to one of the subject's
            took. settled: of its second half.
        load: requests at the subject's upstreams for each of its calls, while it was broken. load_after: after that;
            None where nothing was to see. attempts: as `load`, but by the ledger, so with those that met no upstream
            because it refused connections. roles: those, and copies.
        spare: requests at the spare model's upstream for each of the subject's calls of the whole run.
        most_asked: the most often that one call reached upstreams.
        back_s: from recovery to full speed; None where nothing recovers, infinite where it did not come to that.
        cost, bill: what a right answer cost, by the ledger and by what upstreams did, in answers' prices.
        cpu_us: of the gateway's processes, for each call of both groups.
        lag_p99_s, lag_most_s: how late this bench was in sending: how busy the machine was. load_average: of the last
            minute.
    """

    scenario: str
    features: str
    broken: Window
    control: Window
    most_s: float
    p50_ratio: float
    p99_ratio: float
    settled_p99_ratio: float
    load: float
    load_after: float | None
    attempts: float
    roles: dict[str, int]
    spare: float
    most_asked: int
    back_s: float | None
    cost: float
    bill: float
    cpu_us: float
    lag_p99_s: float
    lag_most_s: float
    load_average: float
    per_s: list[Window]


class Run:
    """`await Run(scenario name, scenario, features name, effort, folder).outcome()`."""

    def __init__(self, name: str, scenario: Scenario, features: str, effort: Effort, folder: Path) -> None:
        self.name, self.scenario, self.features = name, scenario, features
        self.effort = effort
        self._folder = folder
        told = FEATURES[features]
        self.subject = routes_of(told, "subject", SUBJECT)
        self.control = routes_of(told, "control", SUBJECT if scenario.mirrored else CONTROL)
        self.begin_s = effort.seconds * scenario.before
        self.end_s = self.begin_s + effort.seconds
        self.over_s = self.end_s + effort.seconds * scenario.after

    async def outcome(self) -> Outcome:
        with Fleet((*SUBJECT, *CONTROL, SPARE), self._folder) as fleet, gateways(self._folder) as make:
            gateway = await asyncio.to_thread(self._start, make, fleet)
            load = OpenLoop(gateway.port, gateway.key, self.effort.patience_s)
            await load.run(self._aims(), self.effort.rate_per_s, 0.5)  # connections are made, code is warm
            load.shots.clear()
            fleet.forget()
            self._since_ns = time.time_ns()
            assert gateway.process is not None, "it was started"
            spent_s = cpu_s(gateway.process.pid).total
            script = asyncio.create_task(self._script(fleet))
            shots = await load.run(self._aims(), self.effort.rate_per_s, self.over_s)
            reports = (*await script, await asyncio.to_thread(fleet.counts))
            spent_s = cpu_s(gateway.process.pid).total - spent_s
            booked = await asyncio.to_thread(self._booked, gateway, len(shots))
        return self._measured(shots, reports, booked, spent_s)

    def _start(self, make: Any, fleet: Fleet) -> Gateway:
        names = (*SUBJECT, *CONTROL, SPARE)
        routes = {**self.subject, **self.control}
        pacing = {"learn": FEATURES[self.features].learn}
        kind = {"kind": "openai-compatible", "api_key": "sk-up", "protocols": ["chat"], "pacing": pacing}
        mirrored = tuple(self.subject) if self.scenario.mirrored else ()
        file = routes_file(FEATURES[self.features], routes, mirrored, fall_back=self.scenario.fall_back)
        models = {name: {"targets": targets} for name, targets in {**routes, "spare": [f"{SPARE}/{MODEL}"]}.items()}
        gateway = make(
            providers={name: {**kind, "base_url": fleet.base_url(name)} for name in names},
            models=models,
            policies={"prices": PRICES, "routes": json.dumps(file)},
        )
        return gateway.start()

    def _aims(self) -> list[Aim]:
        """The subject's and the control's in turn."""
        pairs = zip(self.subject, self.control, strict=True)
        stream = self.scenario.stream
        return [aim for one, other in pairs for aim in (Aim(one, "subject", stream), Aim(other, "control", stream))]

    async def _script(self, fleet: Fleet) -> tuple[Report, Report]:
        """What upstreams had seen when they broke, and when they were well again."""
        await asyncio.sleep(self.begin_s)
        at_begin = await fleet.set_soon(self.scenario.broken)
        await asyncio.sleep(self.end_s - self.begin_s)
        return at_begin, await fleet.set_soon(dict.fromkeys(self.scenario.broken, "healthy"))

    def _booked(self, gateway: Gateway, calls: int) -> Booked:
        """What the ledger says of the subject's calls; waits until all are there."""
        gateway.records(calls, SETTLED_WITHIN_S, self._since_ns)
        names = ",".join(f"'{name}'" for name in self.subject)
        rows = gateway.ask_ledger(
            "SELECT a.role, coalesce(sum(a.cost_nano), 0) AS nano, sum(c.started_ns BETWEEN ? AND ?) AS attempts "
            f"FROM attempts a JOIN calls c ON c.id = a.call WHERE c.model IN ({names}) AND c.started_ns >= ? "
            "GROUP BY a.role ORDER BY attempts DESC",
            self._since_ns + int(self.begin_s * 1e9),
            self._since_ns + int(self.end_s * 1e9),
            self._since_ns,
        )
        return Booked(sum(row["nano"] for row in rows), {row["role"]: row["attempts"] for row in rows})

    def _counts(self, shot: Shot) -> bool:
        """Whether it was one of the subject's while it was broken, and was answered right."""
        return shot.group == "subject" and not shot.wrong and self.begin_s <= shot.sent_s < self.end_s

    def _measured(
        self, shots: Sequence[Shot], reports: tuple[Report, Report, Report], booked: Booked, spent_s: float
    ) -> Outcome:
        begin, end = self.begin_s, self.end_s
        broken, control = (window(shots, group, begin, end) for group in ("subject", "control"))
        half = (begin + end) / 2
        settled = window(shots, "subject", half, end).p99_s / window(shots, "control", half, end).p99_s
        usual = window(shots, "subject", 0, begin).p50_s
        at_begin, at_end, after = (received(report, SUBJECT) for report in reports)
        recovering = window(shots, "subject", end, self.over_s).calls
        both = 2 if self.scenario.mirrored else 1  # then they are the control's upstreams as well
        right = sum(not shot.wrong for shot in shots if shot.group == "subject")
        return Outcome(
            scenario=self.name,
            features=self.features,
            broken=broken,
            control=control,
            most_s=max((shot.took_s for shot in shots if self._counts(shot)), default=math.nan),
            p50_ratio=broken.p50_s / control.p50_s,
            p99_ratio=broken.p99_s / control.p99_s,
            settled_p99_ratio=settled,
            load=(at_end - at_begin) / both / broken.calls,
            load_after=(after - at_end) / both / recovering if recovering else None,
            attempts=sum(count for role, count in booked.roles.items() if role != "mirror") / broken.calls,
            roles=booked.roles,
            spare=received(reports[-1], (SPARE,)) / sum(shot.group == "subject" for shot in shots),
            most_asked=max(reports[-1].times_asked.get("subject", {0: 0})),
            back_s=back_after(shots, "subject", end, self.over_s, usual) if self.scenario.after else None,
            cost=booked.nano / UNIT_NANO / max(1, right),
            bill=(billed(reports[-1], SUBJECT) / both + billed(reports[-1], (SPARE,))) / UNIT_NANO / max(1, right),
            cpu_us=spent_s / len(shots) * 1e6,
            lag_p99_s=percentile((shot.lag_s for shot in shots), 0.99),
            lag_most_s=max(shot.lag_s for shot in shots),
            load_average=os.getloadavg()[0],
            per_s=series(shots, "subject", self.over_s),
        )


PRICES = json.dumps(
    {
        "currency": "USD",
        "prices": [
            {
                "id": f"fleet-{name}",
                "provider": name,
                "models": ["*"],
                "from": "2020-01-01",
                "per_million_tokens": {"input": IN_NANO / 1000, "output": OUT_NANO / 1000},
            }
            for name in (*SUBJECT, *CONTROL, SPARE)
        ],
    }
)


def received(report: Report, names: Sequence[str]) -> int:
    return sum(report.upstreams[name].received for name in names)


def billed(report: Report, names: Sequence[str]) -> int:
    """What providers would ask for what these did, in nano-units."""
    counts = [report.upstreams[name] for name in names]
    return sum(one.input_tokens * IN_NANO + one.output_tokens * OUT_NANO for one in counts)

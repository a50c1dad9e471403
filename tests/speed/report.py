"""The figures as a table with ratios to the bare proxy, and as JSON."""

import json
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.speed.bars import Bar, ratio
from tests.speed.contestants import Absent
from tests.speed.figures import Figures, Load, Memory
from tests.speed.interpreter import interpreter
from tests.speed.rounds import Effort, Outcome
from tests.speed.scenarios import SCENARIOS

SCHEMA = 1
REFERENCE = "bare"
NAME_WIDTH, CELL_WIDTH = 34, 17


class Row(msgspec.Struct, frozen=True):
    """One figure of every contestant; `compared`: with the ratio to the bare proxy's."""

    says: str
    value: Callable[[Figures], float | None]
    digits: int = 0
    compared: bool = False


def _load(name: str, field: Callable[[Load], float | None]) -> Callable[[Figures], float | None]:
    return lambda figures: field(figures.loads[name])


def _parent(memory: Memory | None) -> float | None:
    """Where there is but one process, it is the worker, and there is no parent."""
    return memory.parent if memory and memory.workers else None


OVERALL: tuple[Row, ...] = (
    Row("events, upstream to client, µs", lambda figures: figures.first_event_us),
    Row("streams held back", lambda figures: float(figures.held_back)),
    Row("cold start, s", lambda figures: figures.cold_start_s, 2),
    Row("RSS idle, worker, MiB", lambda figures: figures.idle and figures.idle.largest_worker),
    Row("RSS after load, worker, MiB", lambda figures: figures.loaded and figures.loaded.largest_worker),
    Row("RSS idle, parent, MiB", lambda figures: _parent(figures.idle)),
    Row("RSS after load, parent, MiB", lambda figures: _parent(figures.loaded)),
)
ROWS: tuple[tuple[str, tuple[Row, ...]], ...] = (
    *(
        (
            scenario.says,
            (
                Row("requests/s", _load(scenario.name, lambda load: load.requests_per_s), compared=True),
                Row("core in use, %", _load(scenario.name, lambda load: load.busy and load.busy * 100)),
                Row("CPU µs/request", _load(scenario.name, lambda load: load.cpu_us_per_request), 1, True),
                Row("  of it in the parent", _load(scenario.name, lambda load: load.parent_us_per_request), 1),
                Row("CPU µs/event", _load(scenario.name, lambda load: load.cpu_us_per_event), 2, True),
                Row("added latency p50, µs", _load(scenario.name, lambda load: load.added_p50_us)),
                Row("added latency p99, µs", _load(scenario.name, lambda load: load.added_p99_us)),
            ),
        )
        for scenario in SCENARIOS
    ),
    ("otherwise", OVERALL),
)


def table(outcome: Outcome) -> str:
    """A block for each load, a line for each figure, a column for each contestant."""
    contestants = list(outcome.figures.values())
    lines = ["".ljust(NAME_WIDTH) + "".join(one.name.rjust(CELL_WIDTH) for one in contestants)]
    for title, rows in ROWS:
        lines += ["", title]
        for row in rows:
            values = [row.value(one) for one in contestants]
            if any(value is not None for value in values):
                reference = row.value(outcome.figures[REFERENCE]) if row.compared else None
                cells = "".join(
                    _cell(value, row, reference if one.name != "direct" else None).rjust(CELL_WIDTH)
                    for one, value in zip(contestants, values, strict=True)
                )
                lines.append(f"  {row.says}".ljust(NAME_WIDTH) + cells)
    wrong = [
        f"  {one.name}, {name}: {load.wrong}" for one in contestants for name, load in one.loads.items() if load.wrong
    ]
    return "\n".join([*lines, *(["", "answers that were wrong", *wrong] if wrong else [])])


def _cell(value: float | None, row: Row, reference: float | None) -> str:
    if value is None:
        return "–"
    text = f"{value:,.{row.digits}f}"
    times = ratio(value, reference)
    return f"{text} ({times:.2f}×)" if times is not None else text


def verdict(found: Sequence[Bar]) -> str:
    return "\n".join(f"{'pass' if bar.passed else 'FAIL'}  {bar.says}: {bar.measured}" for bar in found)


def as_json(outcome: Outcome, found: Sequence[Bar], absent: Sequence[Absent], effort: Effort, note: str) -> str:
    """Everything, for a machine to compare with other runs. Units are in the names."""
    said: dict[str, Any] = {
        "schema": SCHEMA,
        "machine": machine(),
        "placement": note,
        "effort": effort,
        "absent": {**{one.name: one.reason for one in absent}, **outcome.left_out},
        "contestants": outcome.figures,
        "ratios_to_bare": {name: ratios(outcome, name) for name in outcome.figures if name != "direct"},
        "gateway_answers": outcome.gateway_answers,
        "evidence": outcome.evidence,
        "bars": [bar._asdict() for bar in found],
    }
    return json.dumps(msgspec.to_builtins(said), indent=1)


def ratios(outcome: Outcome, name: str) -> dict[str, dict[str, float | None]]:
    """CPU of a contestant by the bare proxy's, under each load."""
    mine, bare = outcome.figures[name].loads, outcome.figures[REFERENCE].loads
    return {
        scenario.name: {
            "cpu_per_request": ratio(mine[scenario.name].cpu_us_per_request, bare[scenario.name].cpu_us_per_request),
            "cpu_per_event": ratio(mine[scenario.name].cpu_us_per_event, bare[scenario.name].cpu_us_per_event),
        }
        for scenario in SCENARIOS
    }


def machine() -> dict[str, Any]:
    """What one has to know to compare two runs."""
    cpus = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in cpus if line.startswith("model name")), "unknown")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": interpreter(),
        "load_average": os.getloadavg(),
    }

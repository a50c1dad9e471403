"""`python -m tests.speed.decisions`: what a policy decision costs, and what a large policy costs to load.

Figures of one core in one run. The bars are those of the design: a decision ≤ 5 µs without conditions, ≤ 25 µs with one
in CEL; 10,000 rules × 1,000 models load in ≤ 2 s and decide as fast.
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gateway.access.asking import ask, usable
from gateway.core.model import Attributes
from gateway.core.principal import Principal
from gateway.policyset import CALLS, PolicySet, read_policies

NOW = 1_780_000_000.0


class Figure(NamedTuple):
    """`bar`: the most it may be; None where nothing is asked for."""

    says: str
    measured: float
    unit: str
    bar: float | None = None

    @property
    def kept(self) -> bool:
        return self.bar is None or self.measured <= self.bar


def shown(figures: Sequence[Figure]) -> int:
    """Print them. → 1 if a bar is not kept, else 0."""
    for one in figures:
        bar = "" if one.bar is None else f"   {'kept' if one.kept else 'MISSED'} (≤ {one.bar:g} {one.unit})"
        print(f"{one.says:76} {one.measured:9.2f} {one.unit}{bar}")
    return 0 if all(one.kept for one in figures) else 1


def write_policies(folder: Path, rules: int, models: int, *, condition: str = "") -> Path:
    """A policy folder: rules for 500 teams of 50 tenants, about models, patterns, attributes of cards; some deny."""
    (folder / "models").mkdir(parents=True)
    teams = "".join(
        f"  - id: t{tenant}\n    teams:\n" + "".join(f"      - {{id: team-{tenant}-{team}}}\n" for team in range(10))
        for tenant in range(50)
    )
    (folder / "tenants.yaml").write_text("tenants:\n" + teams)
    (folder / "guardrails.yaml").write_text("guards: []\n")
    (folder / "limits.yaml").write_text("limits: []\n")
    (folder / "prices.yaml").write_text("currency: USD\nprices: []\n")
    for number in range(models):
        (folder / "models" / f"m{number}.yaml").write_text(
            f"name: model-{number}\naliases: [alias-{number}]\npublisher: publisher-{number % 20}\n"
            f'targets:\n  - {{target: "p/model-{number}", region: eu-west-{number % 4}, '
            f"data: {{retention_days: {number % 40}, trains_on_inputs: false, residency: [eu]}}}}\n"
            "licence: {expression: Apache-2.0 AND MIT}\ncontext: {tokens: 128_000}\n"
            "modalities: {input: [text, image], output: [text]}\nuse: {intended: [everything]}\n"
            'provenance: {source: "https://example.com", revision: v1}\n'
            f"{_lineage(number)}risk: low\nlife: {{approved: {{by: bench@example.com, on: 2026-01-01}}}}\n"
        )
    when = f'    when: "{condition}"\n' if condition else ""
    (folder / "access.yaml").write_text("rules:\n" + "".join(_rule(number, models, when) for number in range(rules)))
    return folder


def _lineage(number: int) -> str:
    """One long line of descent, a few deep."""
    return f"lineage: {{base_models: [{{card: model-{number - 1}, relation: finetune}}]}}\n" if number % 8 else ""


def _rule(number: int, models: int, when: str) -> str:
    tenant, team = number % 50, number % 500
    about = [f"models: [model-{number % models}]", f'models: ["model-{number % 90}*"]', 'regions: ["eu-*"]'][number % 3]
    effect = "deny" if number % 10 == 9 else "allow"
    return (
        f"  - id: rule-{number}\n    effect: {effect}\n    owner: owner-{team}@example.com\n"
        f"    reason: assessed by the model board\n    tenants: [t{tenant}]\n    teams: [team-{tenant}-{team % 10}]\n"
        f"    {about}\n    operations: [chat, embeddings]\n{when}"
    )


def each(action: Callable[[], object], times: int) -> float:
    """Microseconds an action takes, the best of five."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times):
            action()
        best = min(best, (time.perf_counter() - began) / times)
    return best * 1e6


def callers() -> Iterator[Principal]:
    for number in itertools.count():
        tenant = number % 50
        yield Principal(
            key_id=f"k{number}",
            tenant=f"t{tenant}",
            team=f"team-{tenant}-{number // 50 % 10}",
            labels={"env": "dev", "n": str(number)},
        )


def decisions(policies: PolicySet, times: int) -> tuple[float, float]:
    """µs of a decision that was made before, and of one that was not."""
    who, names = next(callers()), itertools.cycle(list(policies.catalogue.names))
    request = Attributes(data_class="internal", max_output_tokens=100)

    def again() -> object:
        return ask(policies.access, policies.catalogue, who, "model-7", "chat", request, NOW)

    cached = each(again, times)
    everybody = callers()
    sizes = itertools.count()

    def fresh() -> object:
        asked = Attributes(data_class="internal", max_output_tokens=next(sizes))
        return ask(policies.access, policies.catalogue, next(everybody), next(names), "chat", asked, NOW)

    return cached, each(fresh, times)


def measure(rules: int, models: int, times: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        large = write_policies(Path(folder) / "large", rules, models)
        began = time.perf_counter()
        policies = read_policies(large)
        loaded_s = time.perf_counter() - began
        small = decisions(read_policies(write_policies(Path(folder) / "small", 20, 10)), times)
        big = decisions(policies, times)
        condition = "request.max_output_tokens > 4096 && subject.environment == 'dev'"
        conditional = decisions(read_policies(write_policies(Path(folder) / "cel", 20, 10, condition=condition)), times)
        began = time.perf_counter()
        usable(policies.access, policies.catalogue, next(callers()), CALLS, "internal", NOW, {"p"})
        listed_ms = (time.perf_counter() - began) * 1e3
    return [
        Figure(f"loading {rules:,} rules × {models:,} models", loaded_s, "s", 2.0),
        Figure("a decision, 20 rules × 10 models", small[0], "µs", 5.0),
        Figure("the same, of a caller never seen before", small[1], "µs"),
        Figure(f"a decision, {rules:,} rules × {models:,} models", big[0], "µs", 5.0),
        Figure("the same, of a caller never seen before", big[1], "µs"),
        Figure("a decision with a condition in CEL", conditional[0], "µs", 25.0),
        Figure("the same, of a caller and a request never seen before", conditional[1], "µs"),
        Figure(f"the first listing of {models:,} models for a caller", listed_ms, "ms"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.speed.decisions", description=__doc__)
    parser.add_argument("--rules", type=int, default=10_000)
    parser.add_argument("--models", type=int, default=1_000)
    parser.add_argument("--times", type=int, default=2_000, help="decisions a figure is the mean of")
    options = parser.parse_args()
    return shown(measure(options.rules, options.models, options.times))


if __name__ == "__main__":
    sys.exit(main())

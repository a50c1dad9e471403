"""Examples for a prompt, by bootstrap: sets are drawn from what is known to be right, tried on cases that none of them
is taken from, and the best is kept."""

import random
from collections.abc import Sequence

import msgspec

from gateway.compare.cases import Case
from gateway.compare.cases.results import grade_at_once
from gateway.compare.grading import Sample
from gateway.compare.running.rendering import rendered
from gateway.compare.running.results import Graded
from gateway.compare.tuning.evaluating import Ended
from gateway.compare.tuning.examples import Example
from gateway.compare.tuning.reflective import ROUNDS
from gateway.compare.tuning.trying import Tries
from gateway.compare.tuning.workshop import Candidate, Refused, Workshop


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """`sets`: how many are tried. `most`: examples in one."""

    sets: int
    most: int
    seed: int


async def search(workshop: Workshop, tries: Tries, shown: Sequence[Case], drawing: Drawing) -> str:
    """Try sets of examples with the best words so far; whatever was tried is in `tries`.

    Returns:
        Why it ended.
    """
    words = tries.best.candidate
    try:
        graded, _ = await tries.evaluate(words, shown)
        pool = examples_of(words, shown, graded)
        chance = random.Random(f"{drawing.seed} examples")  # noqa: S311  a sample, and no secret
        drawn: set[tuple[str, ...]] = set()
        for _ in range(drawing.sets):
            if tries.perfect or not pool:
                break
            chosen = _draw(pool, drawing.most, chance)
            names = tuple(sorted(one.case for one in chosen))
            if names in drawn:
                continue
            drawn.add(names)
            try:
                made = workshop.make(words.words, chosen, f"{len(chosen)} examples: {', '.join(names)}")
            except Refused:
                continue
            await tries.score(made)
    except Ended as ended:
        return str(ended)
    return "" if tries.perfect or not pool else ROUNDS


def examples_of(candidate: Candidate, cases: Sequence[Case], graded: Sequence[Graded]) -> list[Example]:
    """The cases whose right answer is known: because their assertions name it, or because the candidate gave one."""
    passed = {one.trial.case: one for one in reversed(graded) if one.passed and one.trial.sample is not None}
    found: list[Example] = []
    for case in cases:
        answer = _named(case)
        if not answer and case.id in passed and (sample := passed[case.id].trial.sample) is not None:
            answer = "" if sample.tool_calls else sample.text
        example = Example(case.id, _asked(candidate, case), answer)
        if example.usable:
            found.append(example)
    return found


def _named(case: Case) -> str:
    """A text that an assertion names, if all of the case's assertions are content with it."""
    if not case.at_once:
        return ""
    names = dict.fromkeys(check.expected for check in case.checks if check.expected)
    return next((name for name in names if grade_at_once(case, Sample(text=name, finish_reason="stop")).passed), "")


def _asked(candidate: Candidate, case: Case) -> str:
    """The user's last message, as the prompt makes it; empty, where it is more than a text."""
    if case.messages:
        return ""
    arm = candidate.arm
    own = {**arm.parameters, "model": arm.model or "any"}
    messages = rendered(candidate.prompt, arm.prompt, case, own)["messages"]
    content = messages[-1].get("content") if messages and messages[-1].get("role") == "user" else ""
    return content if isinstance(content, str) else ""


def _draw(pool: Sequence[Example], most: int, chance: random.Random) -> list[Example]:
    """Some of them, in some order; different answers before any comes twice: two labels tell more than one twice."""
    mixed = chance.sample(pool, len(pool))
    times: dict[str, int] = {}
    ranked: list[tuple[int, int, Example]] = []
    for place, example in enumerate(mixed):
        before = times.get(example.answer, 0)
        times[example.answer] = before + 1
        ranked.append((before, place, example))
    count = chance.randint(1, min(most, len(pool)))
    chosen = [example for _, _, example in sorted(ranked, key=lambda one: one[:2])[:count]]
    chance.shuffle(chosen)
    return chosen

"""What makes a comparison less fair than it looks. Said with the results, because nobody asks."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from gateway.compare.grading.judging.contests import consistency
from gateway.compare.running.comparing import Contest
from gateway.compare.running.results import Graded, JudgeStanding, Summary
from gateway.compare.running.trials import Arm

MANY = 0.02
# A judge that changes its mind with the order more often than that looks at the order as much as at the answers.
STEADY = 0.8
_BOUNDS = ("max_completion_tokens", "max_tokens")
_CHANCE = ("temperature", "top_p", "seed", "reasoning_effort")


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """What notes are made from. `requests`: of each arm, an example of what was sent; `metric`: what is compared."""

    arms: Sequence[Arm]
    summaries: Sequence[Summary]
    graded: Sequence[Graded]
    judges: Sequence[JudgeStanding] = ()
    requests: Mapping[str, Mapping[str, object]] = {}
    exclude_errors: bool = False
    left_out: Sequence[str] = ()
    narrowed: str = ""
    contests: Sequence[Contest] = ()


def notes(noted: Noted) -> tuple[str, ...]:
    """In the order of what harms most."""
    return (
        *([noted.narrowed] if noted.narrowed else []),
        *_errors(noted),
        *_truncated(noted),
        *_different(noted),
        *_drift(noted),
        *other_prompts(noted.arms, noted.graded),
        *_kept(noted),
        *_unpriced(noted),
        *_advice(noted),
        *_turned_round(noted),
        *noted.left_out,
    )


def _errors(noted: Noted) -> Iterator[str]:
    for one in noted.summaries:
        if one.errors:
            what = "are left out of all figures" if noted.exclude_errors else "count as failures"
            yield f"{one.arm}: {one.errors} of {one.trials} trials were not answered, or not graded; they {what}"


def _truncated(noted: Noted) -> Iterator[str]:
    for one in noted.summaries:
        if one.truncated:
            many = " (raise max_tokens before you believe its figures)" if one.truncated > MANY * one.trials else ""
            yield f"{one.arm}: {one.truncated} of {one.trials} answers were cut off by the limit of tokens{many}"


def _different(noted: Noted) -> Iterator[str]:
    requests = [request for arm in noted.arms if (request := noted.requests.get(arm.name)) is not None]
    if len(requests) < 2:
        return
    bounds = [next((request[name] for name in _BOUNDS if name in request), None) for request in requests]
    if len({repr(bound) for bound in bounds}) > 1:
        told = ", ".join(f"{arm.name} {bound or 'none'}" for arm, bound in zip(noted.arms, bounds, strict=False))
        yield f"arms may write answers of different length: {told}"
    for name in _CHANCE:
        values = [request.get(name) for request in requests]
        if len({repr(value) for value in values}) > 1:
            told = ", ".join(
                f"{arm.name} {'unset' if value is None else value}"
                for arm, value in zip(noted.arms, values, strict=False)
            )
            yield f"{name} differs: {told}"


def _drift(noted: Noted) -> Iterator[str]:
    for arm in noted.arms:
        models = {
            one.trial.sample.model
            for one in noted.graded
            if one.trial.arm == arm.name and one.trial.sample is not None and one.trial.sample.model
        }
        if len(models) > 1:
            yield f"{arm.name}: more than one model answered: {', '.join(sorted(models))}"
    for one in noted.summaries:
        if len(one.served) > 1:
            told = ", ".join(f"{name} {count}" for name, count in sorted(one.served.items()))
            yield f"{one.arm}: more than one target served: {told}"


def other_prompts(arms: Sequence[Arm], graded: Sequence[Graded]) -> Iterator[str]:
    """What the gateway says it put together, where that is not what is here under the same name."""
    for arm in arms:
        told = [one.trial.prompt for one in graded if one.trial.arm == arm.name and one.trial.prompt]
        other = [prompt for prompt in told if arm.digest and f"digest={arm.digest}" not in prompt]
        if other:
            yield f"{arm.name}: the gateway served another prompt than the one here {len(other)} times: {other[0]}"


def _kept(noted: Noted) -> Iterator[str]:
    for one in noted.summaries:
        if one.kept:
            yield f"{one.arm}: {one.kept} of {one.trials} answers were kept from an earlier run, with their latencies"
        if one.gateway_kept:
            yield (
                f"{one.arm}: {one.gateway_kept} of {one.trials} answers came out of the gateway's cache; "
                "their latency and cost count nowhere (--no-cache asks anew)"
            )


def _unpriced(noted: Noted) -> Iterator[str]:
    for one in noted.summaries:
        if one.unpriced:
            yield f"{one.arm}: {one.unpriced} answers have no price; its cost is of the others"


def _advice(noted: Noted) -> Iterator[str]:
    for one in noted.judges:
        if one.asked and not one.calibrated:
            yield f"the judge {one.judge} advises, and decides nothing: {one.why}"


def _turned_round(noted: Noted) -> Iterator[str]:
    steady, given = consistency([one.preference for one in noted.contests])
    if given and steady < STEADY * given:
        yield (
            f"the judge of answers changed its mind with their order in {given - steady} of {given} comparisons; those "
            "are ties"
        )

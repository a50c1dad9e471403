"""What recorded answers say of their usage: kept as it came, the same on every way, and adding up."""

import gzip
import json
from functools import cache
from typing import Any

import pytest

from gateway.core.attempt import Terms
from gateway.core.usage import TOKEN_METERS, Usage
from gateway.dialects.protocols import UPSTREAMS
from gateway.dialects.sse import event
from tests.dialects.heard import PASSED, heard, noted, passed_stream, passed_whole, read_stream, read_whole
from tests.dialects.recorded import CORPUS, PROTOCOLS, body_of, is_stream, name_of, succeeded
from tests.dialects.test_recorded_answers import ODD

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="recorded traffic is not here: ../shared/corpus")
_GROK = "Azure's Grok counts more cached tokens than there are prompt tokens"
_VERCEL = "Vercel leaves Gemini's thoughts out of the completion and out of the total, and bills them"
# Real usage that does not add up, each with the reason.
INCONSISTENT = {
    **{
        f"azure chat.completions {one}": _GROK
        for one in (
            "c5f8de1f0707587b", "26040358f1e25dba", "10832a308342d6b6", "79da982e830e6b27", "6cac3fe2005b8110",
            "1f8b79bcef4a2ed6", "f3d49fcf5f968ba8", "f67d5f980405a369", "0b097da0497a5113", "e41b6aff074dd6e0",
            "0587b167be6a4fa2", "6511d031600e5df8", "d1a585d2375b89f0", "7dcc19bc532e053c",
        )
    },
    "vercel-gateway chat.completions 8fd00a021e104ebd": _VERCEL,
    "vercel-gateway chat.completions f7709367ed9b9f77": _VERCEL,
    "anthropic messages 1d6c2233664ef2f5": "an advisor, which is another model, was asked beside the totals",
    "anthropic messages 648cd2d6a5a19966": "the model was fallen back from: its turn is beside the totals",
}  # fmt: skip
# All counts are zero: OpenAI did not know better when it was cut by `max_output_tokens`.
EMPTY = {"openai responses 2f404b6d40b20076"}
NOT_AS_JSON = {"converse-stream", "invoke-stream"}


@cache
def answers() -> list[dict[str, Any]]:
    """Every recorded answer that the gateway reads."""
    with gzip.open(CORPUS, "rt") as file:
        rows = [json.loads(line) for line in file]
    return [
        row
        for row in rows
        if row["response"] and (row["api"] in PASSED or PROTOCOLS.get(row["api"]) in UPSTREAMS) and body_of(row)
        if succeeded(row) and name_of(row) not in ODD
    ]


def is_fully_noted(row: dict[str, Any], found: list[dict[str, Any]]) -> bool:
    """Whether `usage_raw` holds what there is: of some streams, whoever collected them noted the first object only."""
    objects = sum("web_search" not in one for one in found)
    return bool(row["usage_raw"]) and (PROTOCOLS.get(row["api"]) != "messages" or len(row["usage_raw"]) == objects)


def test_the_corpus_is_what_is_tested() -> None:
    assert len(answers()) > 600
    assert len({row["provider"] for row in answers()}) >= 20


def test_usage_objects_are_kept_as_they_came() -> None:
    """Running totals: the last. Anthropic's streams: message_start's and the last message_delta's."""
    wrong: dict[str, object] = {}
    for row in answers():
        expected = row["usage_raw"] or []
        if PROTOCOLS.get(row["api"]) != "messages":
            expected = expected[-1:]
        for served in noted(row):
            found = [json.loads(one) for one in served.raw_usage]
            if row["api"] == "rerank" and found and "billed_units" in found[0]:
                found = [{"billed_units": found[0]["billed_units"]}]
            if found[: len(expected)] != expected or (
                is_fully_noted(row, found) and any("web_search" not in one for one in found[len(expected) :])
            ):
                wrong[name_of(row)] = found
            if row["api"] not in NOT_AS_JSON and any(one not in body_of(row) for one in served.raw_usage):
                wrong[name_of(row)] = "not verbatim"
    assert wrong == {}


def test_passing_and_translating_read_the_same() -> None:
    wrong: dict[str, object] = {}
    for row in answers():
        found = [(one.usage, one.usage_source, one.terms, one.raw_usage[:1]) for one in noted(row)]
        if any(one != found[0] for one in found):
            wrong[name_of(row)] = found
    assert wrong == {}


def claimed(row: dict[str, Any]) -> int | None:
    """All tokens that the provider says it counted, by its documentation; None if it gives no total.

    An account of its own, independent of the codecs.
    """
    usage: dict[str, Any] = {}
    for one in row["usage_raw"] or []:
        usage.update({name: value for name, value in one.items() if value is not None})
    match PROTOCOLS.get(row["api"]):
        case "messages":
            names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
            return sum(usage.get(name) or 0 for name in names) if usage else None
        case "generate":
            return usage.get("totalTokenCount")
        case "converse":
            return usage.get("totalTokens")
        case _:
            return usage.get("total_tokens")


def test_the_meters_add_up_to_the_providers_totals() -> None:
    """The disjoint meters' sum is the total that the provider claims; what does not add up is marked, and named here."""
    wrong: dict[str, object] = {}
    marked: set[str] = set()
    counted = 0
    for row in answers():
        for served in noted(row):
            if served.usage_source == "inconsistent":
                marked.add(name_of(row))
            total = claimed(row)
            objects = [json.loads(one) for one in served.raw_usage]
            if total is None or served.usage is None or not is_fully_noted(row, objects):
                continue
            counted += 1
            found = sum(getattr(served.usage, name) for name in TOKEN_METERS)
            if found != total and name_of(row) not in INCONSISTENT:
                wrong[name_of(row)] = (found, total)
    assert wrong == {}
    assert marked == set(INCONSISTENT)
    assert counted > 900


def test_zero_is_never_believed() -> None:
    """An answer whose usage object counts nothing has no known usage, and so no price of zero."""
    empty = {name_of(row) for row in answers() if row["usage_raw"] and any(one.usage is None for one in noted(row))}
    assert empty == EMPTY
    for row in answers():
        for served in noted(row):
            if row["api"] != "moderations" and served.usage is not None:
                assert served.usage != Usage(), name_of(row)
            if served.usage is None and name_of(row) in EMPTY:
                assert served.raw_usage
                assert served.usage_source == "none"


def told_as_stream(row: dict[str, Any]) -> bytes | None:
    """A recorded whole answer as its provider would have streamed it, with the same usage object."""
    body = body_of(row)
    said = json.loads(body)
    usage = json.dumps(said.get("usage")).encode()
    label = {name: said[name] for name in ("id", "model", "service_tier") if name in said}
    match PROTOCOLS[row["api"]]:
        case "chat" if said.get("usage"):
            chunk = json.dumps({**label, "choices": []}).encode()[:-1] + b', "usage": ' + usage + b"}"
            finish = json.dumps({**label, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            return event(finish.encode()) + event(chunk) + event(b"[DONE]")
        case "responses" if said.get("usage"):
            return event(json.dumps({"type": "response.completed", "response": said}).encode())
        case "messages":
            start = {"type": "message_start", "message": {**said, "content": []}}
            delta = {"type": "message_delta", "delta": {"stop_reason": said["stop_reason"]}}
            return b"".join(event(json.dumps(one).encode()) for one in (start, delta, {"type": "message_stop"}))
        case "generate":
            return event(json.dumps(said).encode())
        case _:
            return None


def test_a_whole_answers_usage_is_the_same_when_it_is_streamed() -> None:
    wrong: dict[str, object] = {}
    tested = 0
    for row in answers():
        if is_stream(row) or row["api"] not in PROTOCOLS or (stream := told_as_stream(row)) is None:
            continue
        protocol = PROTOCOLS[row["api"]]
        pairs = [(read_whole(protocol), read_stream(protocol))]
        if row["api"] in PASSED:
            pairs.append((passed_whole(PASSED[row["api"]]), passed_stream))
        for whole, streamed in pairs:
            tested += 1
            body = json.dumps(json.loads(body_of(row))).encode()
            one, other = heard(whole, body, "xai"), heard(streamed, stream, "xai")
            same = (one.usage, one.usage_source, one.terms, one.raw_usage)
            if same != (other.usage, other.usage_source, other.terms, other.raw_usage):
                wrong[name_of(row)] = (same, other)
    assert wrong == {}
    assert tested > 400


def test_a_recorded_stream_is_metered_as_its_whole_twin() -> None:
    """The same request, streamed and not: what went in is counted alike, and on the same terms. What came out differs,
    for a model never answers twice the same."""
    twins: dict[tuple[str, str, str], dict[bool, Any]] = {}
    for row in answers():
        asked = (row["request"] or {}).get("json")
        if isinstance(asked, dict) and row["usage_raw"]:
            same = {name: value for name, value in asked.items() if name not in ("stream", "stream_options")}
            key = (row["provider"], row["model"] or "", json.dumps(same, sort_keys=True))
            twins.setdefault(key, {}).setdefault(bool(row["stream"]), row)
    pairs = [one for one in twins.values() if len(one) == 2]
    assert len(pairs) >= 12
    for pair in pairs:
        for streamed, whole in zip(noted(pair[True]), noted(pair[False]), strict=True):
            assert streamed.usage is not None, name_of(pair[True])
            assert whole.usage is not None, name_of(pair[False])
            assert streamed.usage.total_input == whole.usage.total_input, name_of(pair[True])
            assert streamed.usage_source == whole.usage_source == "provider"
            assert (streamed.terms.tier, streamed.terms.region) == (whole.terms.tier, whole.terms.region)


def test_tiers_are_what_the_answers_say() -> None:
    """In one vocabulary, whoever says it."""
    found: dict[str, set[str]] = {}
    for row in answers():
        for served in noted(row):
            found.setdefault(row["provider"], set()).add(served.terms.tier)
            assert served.terms.region == "", "recorded answers come from anywhere, or do not say"
    assert found["anthropic"] <= {"", "default"}
    assert found["groq"] == {"", "default"}
    assert found["gemini"] >= {"default"}
    assert found["vertex"] == {"", "default", "flex"}
    assert found["openai"] == {"", "default", "flex"}
    assert found["mistral"] >= {"default"}
    assert {tier for tiers in found.values() for tier in tiers} <= {"", "default", "flex"}


def test_a_cost_is_believed_of_nobody_unless_it_is_trusted() -> None:
    for row in answers():
        for served in noted(row):
            assert served.terms == Terms(tier=served.terms.tier, image_size=served.terms.image_size,
                                         image_quality=served.terms.image_quality)  # fmt: skip

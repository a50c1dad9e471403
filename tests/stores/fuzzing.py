"""Bad declared files, from good ones: every node of the tree gets what does not belong there, and the text is cut, bent
and spoilt. Seeded: the same seed makes the same files."""

import json
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec

from gateway.stores.documents import parse_document
from tests.conftest import ROOT

# What must become of a file: refused; read as what it was before; or either, as long as nothing else happens.
Verdict = Literal["refused", "same", "either"]


class Case(msgspec.Struct, frozen=True):
    name: str
    text: bytes
    verdict: Verdict


class Raw(str):
    """YAML that is put in as it stands."""


class Pairs(list[tuple[str, Any]]):
    """A mapping that may have a key twice."""


CARD = """
name: mixtral-local
aliases: [mixtral]
title: Mixtral, quantised
publisher: example
targets:
  - target: local/mixtral
    hosting: self-served
    region: eu-west-1
    data: {retention_days: 0, trains_on_inputs: false, residency: [eu]}
context: {tokens: 32768, output_tokens: 4096}
modalities: {input: [text], output: [text]}
licence: {expression: Apache-2.0, class: open, url: "https://example.com/licence", reviewed: {by: legal, on: 2026-02-01}}
use: {intended: [chat], out_of_scope: [medicine], restrictions: [none known]}
provenance:
  source: hf://example/mixtral
  revision: 0123456789abcdef
  files:
    - {path: model.gguf, sha256: b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53, bytes: 1}
  signature: {method: key, bundle: model.sig, public_key: signer.pem}
lineage:
  base_models: [{relation: quantized, source: hf://example/base, licence: {expression: MIT}}]
  datasets: [a, b]
  training_cutoff: 2025-06
evaluations:
  - {dataset: mmlu, metric: accuracy, value: 0.61, source: example, on: 2026-01-15}
risk: low
life:
  approved: {by: board, on: 2026-02-01, until: 2027-02-01}
  deprecated: {on: 2026-12-01, successor: mixtral, sunset: 2027-01-01}
  revoked: {on: 2028-01-01T12:00:00Z, reason: withdrawn}
"""
CONFIG = """
server: {host: 127.0.0.1, port: 8080, workers: 1, grace_s: 5.5}
state_dir: "${env:STATE}"
providers:
  one: {kind: openai-compatible, base_url: "http://127.0.0.1:9/v1", api_key: "${env:KEY}", protocols: [chat],
        timeouts: {connect_s: 1}, pacing: {requests_per_minute: 60}}
  two: {kind: openai, api_key: k, drop_params: [seed]}
models:
  m: {targets: [one/x, two/y]}
requests: {max_body_bytes: 1000}
journal: {segment_bytes: 100, fsync_interval_s: 0.5}
metering: {on_journal_failure: serve}
telemetry:
  log: {format: text, level: info}
  otlp: {endpoint: "http://127.0.0.1:4318", headers: {a: b}, sample_ratio: 0.5}
"""
ACCESS = """
max_exception_days: 60
hide_models: true
rules:
  - {id: one, effect: allow, owner: o, reason: r, tenants: [demo], teams: [a], labels: {env: "dev*"}, models: ["*"],
     claims: {groups: [x]}, from: 2026-01-01, obligations: {max_output_tokens: 100, regions: ["eu-*"], guards: [g]}}
  - {id: two, effect: deny, owner: o, reason: r, mode: audit, operations: [images], models: [x], risks: [high],
     trains_on_inputs: true, when: "request.max_output_tokens > 1000"}
exceptions:
  - {id: three, lifts: [two], owner: a, approver: b, reason: r, ticket: T-1, from: 2026-01-01, until: 2026-02-01T12:00:00Z,
     tenants: [demo], models: [x], hosting: [self-served], statuses: [approved]}
"""
LIMITS = """
default_output_tokens: 100
limits:
  - {id: one, per: [tenant, team], requests_per_minute: 6, tokens_per_minute: 500_000, match: {teams: [a], labels: {x: y}}}
  - {id: two, concurrent_requests: 5}
"""
GUARDRAILS = """
guards:
  - {id: one, on: [input, output], detect: [{deny: {words: [x]}}, secrets], action: redact, mode: audit, restore: false,
     match: {teams: [a], labels: {x: y}, models: ["*"], routes: [m], operations: [chat], data_classes: [internal]}}
  - {id: two, on: [input], detect: [{deny: {words: [x]}}], action: block, advice: ask, only_when_obliged: true}
"""
TENANTS = (
    "tenants:\n  - {id: demo, name: D, strict_params: true, teams: [{id: a, name: A}, {id: b}]}\n  - {id: other}\n"
)
POLICY_TESTS = """
tests:
  - {name: one, who: {tenant: demo, team: a, labels: {env: dev}, claims: {groups: [x, y]}, data_class: internal, key: k},
     model: m, operation: responses, request: {stream: true, max_output_tokens: 100, tools: true, hosted_tools: [web_search],
     prompt: p}, at: 2026-02-01T12:00:00Z, expect: allow, rule: r, basis: exception, target: local/m,
     obligations: {max_output_tokens: 10, regions: ["eu-*"], forbid_tools: false, no_content: true, require_prompt: false,
     guards: [g]}, would_deny: [s]}
  - {name: two, who: {tenant: demo, team: a}, model: nothing, expect: deny, code: model_not_found, basis: card, at: 2026-02-01}
  - {name: three, who: {tenant: demo, team: a}, model: m, operation: chat, expect: deny, rule: s, code: tools_not_allowed}
"""
CACHE = """
rules:
  - {id: one, ttl_s: 60, stale_s: 30.5, shared: team, replay: timed, only_deterministic: true, max_entry_bytes: 1000,
     match: {tenants: [demo], teams: [a], models: ["x*"], routes: [r], operations: [chat], data_classes: ["*"],
     labels: {env: dev}}}
  - {id: two, ttl_s: 5}
"""
PAIRS = "pairs:\n" + "".join(
    f"  - {{a: one {number}, b: two {number}, same: {'true' if number % 2 else 'false'}}}\n" for number in range(40)
)
ROUTES = """
retries: {max_attempts: 3, base_ms: 100, max_ms: 2000}
timeout_s: 30
retry_budget: {share: 0.2, at_least: 10}
ejection: {enabled: true, consecutive: 5, failure_rate: 0.5, min_calls: 20, open_s: 0.5, max_open_s: 3, trials: 2, probe_s: 1}
routes:
  fast:
    targets:
      - {target: one/x, weight: 3, priority: 1, when: "request.input_tokens > 1000", quality: 0.5}
      - {target: two/y}
    strategy: cheapest
    max_latency_ms: 500
    min_quality: 0.1
    sticky: {by: session, header: x-session-id, prefix_bytes: 64, max_load: 1.5}
    retries: {max_attempts: 2}
    fallbacks: {context_too_long: [fast], any: [fast]}
    hedge: {after_ms: 100, min_ms: 50}
    mirrors: [{model: fast, share: 0.5, max_in_flight: 3, cost_per_day: 1.5, keep: true}]
    canary: {target: two/z, since: 2026-01-01, steps: [0.1, 1], step_s: 60, max_error_rate: 0.1, max_latency_ratio: 2, min_calls: 5}
"""
PROMPT = """
owner: o
description: d
aliases: [pmpt_1, other/name]
tags: [a, b]
tenants: [demo]
teams: ["a*"]
default_for: [{tenants: [demo], teams: ["a*"], labels: {app: "bot-*"}}]
labels: {production: 2, staging: {2: 90, 3: 10}}
gates: {production: {suite: cases.yaml, margin: 0.02, approver: other}}
history:
  - {label: production, from: 1, to: 2, at: 2026-11-01T12:00:00Z, by: me, reason: r, rollback: true, forced: false, gate_run: gate_1}
  - {label: staging, to: {2: 1, 3: 1}, at: 2026-11-01, by: me}
"""
LOCK = "".join(
    f"{number}: {{digest: sha256:{number}{'a' * 63}, at: 2026-11-01T12:00:00Z, by: me, message: m, source: sha256:{'b' * 64},"
    f" partials: {{x: sha256:{'c' * 64}}}}}\n"
    for number in range(1, 5)
)
SUITE = """
description: triage
metric: score
margin: 0.02
limits: {cost: 0.1, ttft: 2}
cost_ceiling: 1.5
judges: {strict: {model: m, prompt: "Grade {{output}}", params: {seed: 1}, calibrated: {kappa: 0.7, labels: 90, until: 2027-01-01}}}
rubrics: {polite: is polite}
defaultTest: {repeat: 3, vars: {locale: en}, assert: [{type: not-is-refusal}], options: {disableVarExpansion: true}}
tests:
  - description: stolen card
    vars: {message: "my card was stolen", product: card}
    tags: [cards]
    threshold: 0.5
    assert:
      - {type: is-json, value: {type: object}, weight: 2, metric: form}
      - {type: contains, value: "{{product}}", transform: "$.queue"}
      - {type: llm-rubric, rubric: polite, judge: strict, threshold: 0.5}
      - {type: assert-set, threshold: 0.5, assert: [{type: latency, threshold: 3000}, {type: rouge-n, value: x, config: {n: 2}}]}
    metadata: {severity: never-break, source: ticket 7}
  - {messages: [{role: user, content: hello}], human: pass, providerOutput: hi, assert: [{type: equals, value: hi}]}
  - {vars: {a: b}, human: 0.5, providerOutput: {content: hi}, repeat: 2}
"""
# Each kind's good file, by the names of `gateway schema`.
GOOD: dict[str, str] = {
    "config": CONFIG,
    "access": ACCESS,
    "policy-test": POLICY_TESTS,
    "model": CARD,
    "tenants": TENANTS,
    "guardrails": GUARDRAILS,
    "limits": LIMITS,
    "routes": ROUTES,
    "prices": (ROOT / "policies" / "prices.yaml").read_text(),
    "cache": CACHE,
    "cache-pairs": PAIRS,
    "prompt": PROMPT,
    "prompt-versions": LOCK,
    "cases": SUITE,
}

DEEP = Raw("[" * 80 + "]" * 80)
BOMB = "\n".join(["a0: &a0 [x, x]", *(f"a{level}: &a{level} [*a{level - 1}, *a{level - 1}]" for level in range(1, 60))])
VALUES: list[Any] = [
    3, -1, 0, 10**29, True, "text", "", "*", "2026-02-30", "2026-13-01", "\x00", "\ud7ff€\U0001f600", "${nope:x}",
    "a/b/c", [], [[]], {}, [{}], [3], ["x", "x"], {"a": 1}, Decimal("1.5"), Decimal("-0.0000000000001"), Decimal("1.5e-250"), Raw("1e-6"),
    Raw(".nan"), Raw("-.inf"), Raw("0x1F"), Raw("0o17"), Raw("1:30"), Raw("yes"), Raw("1__0"), Raw("+1"), Raw("2026-01-01T00:00:00Z"),
    Raw('"\\ud800"'), Raw("|2\n  x"),
]  # fmt: skip
REFUSED: list[Any] = [
    None, 10**40, Decimal("1e400"), Raw("1e999999999999999999999"), Raw("1e500000"), Raw("-1.0e-999"), Raw("&x y"), Raw("&x {a: b}"), Raw("&x [b]"), Raw("{&x a: b}"), Raw("{!!binary a: b}"), Raw("!!seq [a]"), Raw("!!map {a: b}"), Raw("!!str a"), Raw("!!python/object/apply:os.system [x]"), Raw("~"), Raw("&x [1]\n&y b"), Raw("*nowhere"), Raw("!!python/object/apply:os.system x"),
    Raw("!!binary aGk="), Raw("!!set {a}"), Raw("!own x"), Raw("'not closed"), Raw('"not closed'), Raw("{a: 1"), Raw("[1, 2"), Raw("{? [a] : b}"), Raw("a: b: c"), Raw("@x"), Raw("`x`"), Raw("\tx: 1\n\ty: 2"), Raw('"\\q"'), Raw("{a: 1, a: 2}"),
    Raw("{<<: {a: 1}, <<: {b: 2}}"), DEEP,
]  # fmt: skip


def cases(kind: str, seed: int, nodes: int, texts: int) -> Iterator[Case]:
    """So many files with one node changed, and so many with the text changed, besides a list of special ones."""
    chance = random.Random(f"{kind} {seed}")
    good = GOOD[kind].encode()
    tree: Any = parse_document(good, kind, Any)  # type: ignore[arg-type]
    changes = list(_node_changes(tree))
    chance.shuffle(changes)
    for name, verdict, path, change in changes[:nodes]:
        yield Case(name, emit(_changed(tree, path, change)).encode("utf-8", "surrogatepass"), verdict)
    yield from _special(good, emit(tree).encode())
    for number in range(texts):
        yield from _bent(chance, good, number)


def emit(value: Any, depth: int = 0) -> str:
    """Plain data as block YAML, one node a line."""
    if isinstance(value, Raw):
        return f" {value}\n"
    pairs = value if isinstance(value, Pairs) else list(value.items()) if isinstance(value, dict) else None
    pad = "  " * depth
    if pairs:
        return "\n" * bool(depth) + "".join(f"{pad}{json.dumps(key)}:{emit(one, depth + 1)}" for key, one in pairs)
    if isinstance(value, list) and value and pairs is None:
        return "\n" * bool(depth) + "".join(f"{pad}-{emit(one, depth + 1)}" for one in value)
    if isinstance(value, Decimal):
        return f" {value}\n"
    return f" {json.dumps(value) if not isinstance(value, Pairs) else '{}'}\n"


def _nodes(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, tree
    for step, one in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from _nodes(one, (*path, step))


def _node_changes(tree: Any) -> Iterator[tuple[str, Verdict, tuple[Any, ...], Any]]:
    for path, node in _nodes(tree):
        where = ".".join(map(str, path))
        if path:
            for value in VALUES:
                yield f"{where} = {value!r}", "either", path, lambda _, value=value: value
            for value in REFUSED:
                yield f"{where} = {value!r}", "refused", path, lambda _, value=value: value
        if isinstance(node, dict):
            # A map of names takes any key.
            yield f"{where} with an unknown key", "either", path, lambda node: {**node, "unknown-key": "x"}
            for key in node:
                yield f"{where} without {key}", "either", path, lambda node, key=key: _without(node, key)
                twice = Pairs([*node.items(), (key, node[key])])
                yield f"{where} with {key} twice", "refused", path, lambda _, twice=twice: twice
                yield f"{where} with {key} misspelt", "either", path, lambda node, key=key: {f"{key}x" if one == key else one: value for one, value in node.items()}  # fmt: skip
        if isinstance(node, list):
            for index, item in enumerate(node):
                yield f"{where}.{index} twice", "either", path, lambda node, item=item: [*node, item]
                yield (
                    f"{where} without {index}",
                    "either",
                    path,
                    lambda node, index=index: node[:index] + node[index + 1 :],
                )


def _without(node: dict[str, Any], key: str) -> dict[str, Any]:
    return {one: value for one, value in node.items() if one != key}


def _changed(tree: Any, path: tuple[Any, ...], change: Any) -> Any:
    if not path:
        return change(tree)
    step, rest = path[0], path[1:]
    if isinstance(tree, dict):
        return {key: _changed(one, rest, change) if key == step else one for key, one in tree.items()}
    return [_changed(one, rest, change) if index == step else one for index, one in enumerate(tree)]


def _special(good: bytes, plain: bytes) -> Iterator[Case]:
    same: dict[str, bytes] = {
        "as emitted": plain,
        "CRLF": good.replace(b"\n", b"\r\n"),
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "a document mark": b"---\n" + good,
        "a document end": good + b"\n...\n",
        "YAML 1.1 said": b"%YAML 1.1\n---\n" + good,
        "UTF-16": b"\xff\xfe" + good.decode().encode("utf-16-le"),
        "comments": b"# first\n" + good.rstrip(b"\n") + b" # last\n# and more",
        "blank lines": b"\n\n \n" + good + b"\n\n",
    }
    refused: dict[str, bytes] = {
        "empty": b"",
        "white space": b" \n\n",
        "a comment only": b"# nothing\n",
        "null": b"null\n",
        "a list": b"- a\n",
        "a text": b"hello\n",
        "a number": b"3",
        "two documents": good + b"\n---\n" + good,
        "tabs": plain.replace(b"  ", b"\t"),
        "NUL": good[:20] + b"\0" + good[20:],
        "all zeros": b"\0" * 4096,
        "Latin-1": good + "# é".encode("latin-1"),
        "a lone continuation byte": b"# \x80\n" + good,
        "a surrogate in UTF-8": b"# \xed\xa0\x80\n" + good,
        "UTF-16 cut off": b"\xff\xfe" + good.decode().encode("utf-16-le")[:-1],
        "a bomb of aliases": BOMB.encode() + b"\n" + good,
        "an alias of itself": b"a: &a [*a]\n",
        "merge keys": b"x: &x {a: 1}\ny:\n  <<: *x\n",
        "deep lists": b"[" * 500,
        "deep maps": b"{a: " * 500,
        "deep blocks": b"\n".join(b" " * depth + b"a:" for depth in range(300)) + b" 1",
        "deep dashes": b"- " * 500,
        "an unknown directive's version": b"%YAML 9.9\n---\n" + good,
        "JSON in the middle": good + b'\n{"a": 1}\n',
        "a key without a colon": good + b"\nlonely\n",
        "a long key": b"k" * 2000 + b": 1\n",
        "too large": b"# " + b"x" * (16 * 1024 * 1024) + b"\n" + good,
    }
    for verdict, texts in (("same", same), ("refused", refused)):
        for name, text in texts.items():
            yield Case(name, text, verdict)  # type: ignore[arg-type]


def _bent(chance: random.Random, good: bytes, number: int) -> Iterator[Case]:
    place = chance.randrange(len(good))
    lines = good.splitlines(keepends=True)
    line = chance.randrange(len(lines))
    other = chance.randrange(len(lines))
    byte = bytes([chance.choice(b"\x00\x09\x0a\x0d\x20!\"#%&'*,-:<>?@[]`{|}~\x7f\x80\xff0aA\\")])
    kinds = (
        ("cut off", good[:place]),
        ("beginning lost", good[place:]),
        ("a byte put in", good[:place] + byte + good[place:]),
        ("a byte replaced", good[:place] + byte + good[place + 1 :]),
        ("a byte lost", good[:place] + good[place + 1 :]),
        ("a line lost", b"".join(lines[:line] + lines[line + 1 :])),
        ("a line twice", b"".join([*lines[: line + 1], *lines[line:]])),
        ("a line moved", b"".join([*lines[:line], lines[other], *lines[line:]])),
        ("a line shifted", b"".join([*lines[:line], b" " * chance.randint(1, 3) + lines[line], *lines[line + 1 :]])),
    )
    name, text = kinds[number % len(kinds)]
    yield Case(f"{name} at {place}/{line}", text, "either")


def written(folder: Path, case: Case) -> Path:
    path = folder / "fuzzed.yaml"
    path.write_bytes(case.text)
    return path

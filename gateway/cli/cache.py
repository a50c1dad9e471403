"""`gateway cache`: how often a rule that answers by likeness would be wrong."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.cache.document import CacheFile, Semantic
from gateway.cache.meaning import cosine, why_no_likeness
from gateway.cache.pairs import (
    MEASURED,
    Judged,
    MeasuredFile,
    Pair,
    PairsFile,
    digest_of,
    false_hits,
    judge,
    read_pairs,
    why_of_others,
    why_unproven,
)
from gateway.cli.arguments import Verbs, add_config, add_gateway, add_json, gateway_url, verb
from gateway.cli.output import print_json, print_table, printable
from gateway.config import Settings, read_config
from gateway.core.faults import Fault
from gateway.stores.documents import Document, Text, load_document, read_text
from gateway.transport.client import HttpClient
from gateway.transport.options import Timeouts
from gateway.transport.url import parse_url

BATCH = 64
_AROUND = (-0.05, -0.02, 0.0, 0.02, 0.05)
# Of false hits, so many are shown, with so many letters of each question; `--json` has all of all.
_WORST, _LETTERS = 10, 160


def add_to(verbs: Verbs) -> None:
    parser = verb(verbs, "cache", "judge rules that answer by likeness", "gateway cache evaluate")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    summary = "show how often each semantic rule of cache.yaml would be wrong, by its labelled pairs"
    one = verb(actions, "evaluate", summary, "gateway cache evaluate --write --key-file team.key")
    add_config(one)
    one.add_argument("--write", action="store_true", help="measure the pairs anew, by a running gateway's embeddings")
    add_gateway(one)
    one.add_argument("--key-file", metavar="FILE", help="holds the key to ask it with")
    add_json(one)
    one.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    rules = load_document(settings.policies_dir / "cache.yaml", CacheFile).value.rules
    wanted = [(rule.id, rule.semantic) for rule in rules if rule.semantic is not None]
    if not wanted:
        print("cache.yaml has no rule that answers by likeness")
        return 0
    if options.write:
        if why := why_no_likeness():
            print(f"error: {why}", file=sys.stderr)
            return 1
        if options.key_file is None:
            print("error: --write needs --key-file: whoever asks for embeddings is judged and pays", file=sys.stderr)
            return 2
        try:
            key = Path(options.key_file).read_text(encoding="utf-8").strip()
            asyncio.run(_measure(options, settings, [semantic for _, semantic in wanted], key))
        except (Fault, OSError, ValueError) as error:
            print(f"error: the pairs could not be measured: {error}", file=sys.stderr)
            return 1
    shown = [_judged(settings.policies_dir / "cache", rule, semantic) for rule, semantic in wanted]
    if options.json:
        print_json(shown)
    else:
        for one in shown:
            _print(one)
    return 1 if any(one["refused"] for one in shown) else 0


def _judged(folder: Path, rule: str, semantic: Semantic) -> dict[str, Any]:
    """What the pairs say of a rule, at its own threshold and around it."""
    texts = _texts(folder, semantic)
    why = why_unproven(texts, semantic.evaluated, semantic.model, semantic.threshold, semantic.max_false_hits)
    measured = texts.get(f"{semantic.evaluated}{MEASURED}")
    document = _document(folder, semantic)
    pairs = document.value.pairs
    found: list[Judged] = []
    wrong: list[dict[str, Any]] = []
    known = None if measured is None else load_document(measured, MeasuredFile).value
    if known is not None and not why_of_others(known, pairs, semantic.model):
        thresholds = [min(1.0, round(semantic.threshold + step, 4)) for step in _AROUND]
        found = [judge(pairs, known.cosines, threshold) for threshold in dict.fromkeys(thresholds)]
        wrong = _wrong(document, known.cosines, semantic.threshold)
    lines = [{**msgspec.to_builtins(one), "false_hit_rate": round(one.false_hit_rate, 6)} for one in found]
    return {
        "rule": rule,
        "model": semantic.model,
        "threshold": semantic.threshold,
        "max_false_hits": semantic.max_false_hits,
        "pairs": len(pairs),
        "judged": lines,
        "false_hit_pairs": wrong,
        "file": document.file,
        "refused": why,
    }


def _wrong(document: Document[PairsFile], cosines: Sequence[float], threshold: float) -> list[dict[str, Any]]:
    """The false hits at the rule's own threshold, the worst first, for somebody to look at."""
    pairs = document.value.pairs
    return [
        {
            "cosine": hit.cosine,
            "a": pairs[hit.place].a,
            "b": pairs[hit.place].b,
            "line": document.line(("pairs", hit.place)),
        }
        for hit in false_hits(pairs, cosines, threshold)
    ]


def _print(one: dict[str, Any]) -> None:
    print(f"{one['rule']}: {one['pairs']} pairs, `{one['model']}`, threshold {one['threshold']:g}")
    if one["judged"]:
        names = ("threshold", "hits", "false_hits", "false_hit_rate", "missed")
        print_table(
            [name.replace("_", " ") for name in names],
            [[f"{line[name]:g}" for name in names] for line in one["judged"]],
        )
    if one["false_hit_pairs"]:
        _print_wrong(one)
    print(f"refused: {one['refused']}" if one["refused"] else "in force")


def _print_wrong(one: dict[str, Any]) -> None:
    wrong = one["false_hit_pairs"]
    print(f"\nfalse hits at {one['threshold']:g}, the most alike first: one would be given the other's answer")
    for hit in wrong[:_WORST]:
        print(f"{hit['cosine']:.4f}  {one['file']}:{hit['line']}")
        print(f"        {_shortened(hit['a'])}\n        {_shortened(hit['b'])}")
    if len(wrong) > _WORST:
        print(f"and {len(wrong) - _WORST} more; --json has them all")
    print()


def _shortened(question: str) -> str:
    line = printable(" ".join(question.split()))
    return line if len(line) <= _LETTERS else f"{line[: _LETTERS - 1]}…"


def _texts(folder: Path, semantic: Semantic) -> dict[str, Text]:
    names = (f"{semantic.evaluated}.yaml", f"{semantic.evaluated}{MEASURED}")
    return {name: read_text(folder / name) for name in names if (folder / name).exists()}


def _document(folder: Path, semantic: Semantic) -> Document[PairsFile]:
    return read_pairs(read_text(folder / f"{semantic.evaluated}.yaml"))


def _pairs(folder: Path, semantic: Semantic) -> Sequence[Pair]:
    return _document(folder, semantic).value.pairs


async def _measure(options: argparse.Namespace, settings: Settings, wanted: Sequence[Semantic], key: str) -> None:
    url = gateway_url(options, settings)
    folder = settings.policies_dir / "cache"
    async with HttpClient(settings.config.http_client) as client:
        for semantic in wanted:
            pairs = _pairs(folder, semantic)
            texts = list(dict.fromkeys(text for pair in pairs for text in (pair.a, pair.b)))
            vectors: dict[str, list[float]] = {}
            for start in range(0, len(texts), BATCH):
                batch = texts[start : start + BATCH]
                vectors.update(zip(batch, await _embedded(client, url, key, semantic.model, batch), strict=True))
            cosines = [round(cosine(vectors[pair.a], vectors[pair.b]), 6) for pair in pairs]
            made = MeasuredFile(model=semantic.model, pairs=digest_of(pairs), cosines=tuple(cosines))
            # JSON is YAML.
            text = msgspec.json.format(msgspec.json.encode(made), indent=1).decode()
            (folder / f"{semantic.evaluated}{MEASURED}").write_text(text + "\n", encoding="utf-8")


async def _embedded(client: HttpClient, url: str, key: str, model: str, texts: list[str]) -> list[list[float]]:
    body = msgspec.json.encode({"model": model, "input": texts, "encoding_format": "float"})
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json", "accept-encoding": "identity"}
    exchange = await client.send(parse_url(f"{url}/v1/embeddings"), headers, body, Timeouts())
    try:
        answer = await exchange.read()
    finally:
        exchange.close()
    if exchange.status != 200:
        raise ValueError(f"{url} answered {exchange.status}: {answer[:300].decode('utf-8', 'replace')}")
    data = sorted(msgspec.json.decode(answer)["data"], key=lambda one: one["index"])
    return [one["embedding"] for one in data]

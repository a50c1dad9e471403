"""`gateway usage`: who used what, and what it cost, from the ledger."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import get_args

from gateway.cli.arguments import Verbs, add_config, date_time, label, since, verb
from gateway.cli.output import json_lines, print_table, whole_file
from gateway.config import Settings, read_config
from gateway.core.money import decimal_text
from gateway.core.record import Outcome
from gateway.exports import currency_of
from gateway.ledger.feedback.metrics import DEFAULT
from gateway.ledger.feedback.rating import RatedRow, rated, ratings
from gateway.ledger.folding import UNKNOWN_MODEL, may_be_no_model, with_unknown_models
from gateway.ledger.rendering import MissingParquet, as_csv, as_json, as_jsonl, as_parquet, table
from gateway.ledger.reports import Filters, UsageRow, first_day, never_seen, own_usage, usage, usage_lines
from gateway.ledger.slices import zone_of
from gateway.ledger.store import LedgerUnavailable
from gateway.ledger.words import ACCOUNT, FILTERS, GROUPS, TAG
from gateway.policyset import read_policies
from gateway.stores.documents import DocumentError

FORMATS = ("table", "csv", "json", "jsonl", "parquet")
STREAMED = ("csv", "jsonl")
_MORE = {"prompt": ": NAME@VERSION, or NAME for all its versions"}
_BY = "tenant,team,model"


def add_to(verbs: Verbs) -> None:
    example = "gateway usage --by team,model,day --since 7d --zone Europe/Berlin --format csv"
    parser = verb(verbs, "usage", "report calls, tokens and cost from the ledger", example)
    add_config(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    form.add_argument("--json", action="store_const", dest="format", const="json", help="the same as --format json")
    form.add_argument("--csv", action="store_const", dest="format", const="csv", help="the same as --format csv")
    parser.add_argument("--out", metavar="FILE", help="write there instead of printing")
    words = f"comma-separated: {', '.join(GROUPS)}, {TAG}NAME; default: {_BY}"
    parser.add_argument("--by", "--group-by", dest="by", default=_BY, metavar="WORDS", help=words)
    parser.add_argument(
        "--since", type=since, metavar="WHEN", help="7d, 24h, or the first moment as an ISO date or time"
    )
    parser.add_argument("--until", type=date_time, metavar="WHEN", help="the moment after the last: not in the report")
    parser.add_argument("--zone", default="UTC", help="IANA time zone that days, hours and months are of; default: UTC")
    for name in FILTERS:
        if name != "outcome":
            option = name.replace("_", "-")
            text = f"only this {name.replace('_', ' ')}{_MORE.get(name, '')}"
            parser.add_argument(f"--{option}", dest=f"only_{name}", metavar=name.upper(), help=text)
    parser.add_argument("--outcome", dest="only_outcome", choices=get_args(Outcome), help="only calls that ended so")
    parser.add_argument(
        "--tag", type=label, action="append", default=[], metavar="NAME=VALUE", help="only with this tag"
    )
    parser.add_argument(
        "--feedback", nargs="?", const=DEFAULT, metavar="METRIC",
        help=f"what was said of these calls too: how much, the share of thumbs up, the mean score; default: {DEFAULT}",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    settings = read_config(Path(options.config))
    groups = list(dict.fromkeys(word.strip() for word in options.by.split(",") if word.strip()))
    filters: dict[str, str] = {
        name: value for name in FILTERS if (value := getattr(options, f"only_{name}")) is not None
    }
    filters |= {f"{TAG}{name}": value for name, value in options.tag}
    if options.format == "parquet" and not options.out:
        print("error: a Parquet file is not for a terminal; give --out FILE", file=sys.stderr)
        return 2
    if options.format in STREAMED:
        return _stream(settings, options, groups, filters)
    try:
        rows = _rows(settings, options, groups, filters)
        written = _written(options.format, rows, groups)
    except (ValueError, LedgerUnavailable, MissingParquet) as error:
        return _wrong(error)
    if options.out:
        return _write(Path(options.out), written if written is not None else _text(*table(rows, groups)))
    if isinstance(written, str):
        sys.stdout.write(written)
    else:
        _print(settings, options, rows, groups, filters)
    return 0


def _wrong(error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 1


def _stream(settings: Settings, options: argparse.Namespace, groups: Sequence[str], filters: Filters) -> int:
    """Lines as they are read, however many they are. What cannot be asked is told before anything is written."""
    began = None if options.since is None else options.since.at
    try:
        lines = usage_lines(settings.ledger, groups, began, options.until, filters, options.zone)
        known = _rated(settings, options, chain(list(islice(lines, 1)), lines), groups, filters)
        with_feedback = options.feedback is not None
        texts = as_csv(known, groups, with_feedback=with_feedback) if options.format == "csv" else as_jsonl(known)
        if not options.out:
            sys.stdout.writelines(texts)
            return 0
        with whole_file(Path(options.out)) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as out:
            out.writelines(texts)
    except (ValueError, LedgerUnavailable, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise  # whoever reads our output has had enough
        return _wrong(error)
    return 0


def _rows(settings: Settings, options: argparse.Namespace, groups: Sequence[str], filters: Filters) -> list[UsageRow]:
    began = None if options.since is None else options.since.at
    lines = usage(settings.ledger, groups, began, options.until, filters, options.zone)
    return list(_rated(settings, options, lines, groups, filters))


def _rated(
    settings: Settings,
    options: argparse.Namespace,
    lines: Iterable[UsageRow],
    groups: Sequence[str],
    filters: Filters,
) -> Iterable[UsageRow]:
    """The lines with what was said of their calls, if that is asked for."""
    metric: str | None = options.feedback
    if metric is None:
        return lines
    began = None if options.since is None else options.since.at
    return rated(lines, ratings(settings.ledger, groups, began, options.until, filters, options.zone, metric=metric))


def _written(form: str, rows: Sequence[UsageRow], groups: Sequence[str]) -> str | bytes | None:
    """What a file would hold; None of a table, which is for people."""
    if form == "json":
        return json_lines(as_json(rows)).decode()
    return as_parquet(rows, groups) if form == "parquet" else None


def _text(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "".join("\t".join(line) + "\n" for line in (headings, *lines))


def _write(path: Path, content: str | bytes) -> int:
    try:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        return _wrong(error)
    return 0


def _period(settings: Settings, options: argparse.Namespace) -> str:
    """Which calls the table is about: who was given no ends should not have to guess them."""
    zone = zone_of(options.zone)
    until = datetime.now(UTC) if options.until is None else options.until
    if options.since is not None:
        began = f"{options.since.at.astimezone(zone):%Y-%m-%d %H:%M}"
    else:
        first = first_day(settings.ledger)
        began = "the first" if first is None else f"the first, on {first}"
    return f"calls from {began} to {until.astimezone(zone):%Y-%m-%d %H:%M}, {options.zone}"


def _folded(settings: Settings, rows: list[UsageRow]) -> list[UsageRow]:
    """With names that are no models together. Where the policies cannot be read just now, nobody can tell which."""
    if not any(map(may_be_no_model, rows)):
        return rows
    try:
        known = read_policies(settings.policies_dir, settings.wiring).catalogue.names
    except DocumentError:
        return rows
    return with_unknown_models(rows, known)


def _print(
    settings: Settings, options: argparse.Namespace, rows: list[UsageRow], groups: Sequence[str], filters: Filters
) -> None:
    if not rows:
        unseen = [f"; none is recorded of {name} `{filters[name]}`" for name in never_seen(settings.ledger, filters)]
        print("no calls in this period" + "".join(unseen))
        return
    print(f"{_period(settings, options)}\n")
    shown = _folded(settings, rows)
    print_table(*table(shown, groups))
    if any(row.group.get("model") == UNKNOWN_MODEL for row in shown):
        print(f"\n{UNKNOWN_MODEL}: refused, for there are no such models; --format json has the names")
    if ACCOUNT not in groups:
        _tell_own(settings, options, rows, filters)
    if options.feedback is not None and not any(row.ratings.feedback for row in rows if isinstance(row, RatedRow)):
        print(f"\nno feedback `{options.feedback}` on calls of this period")
    if any(row.unpriced for row in rows):
        by_target = _rows(settings, options, ["target"], filters)
        targets = [row.group["target"] for row in by_target if row.unpriced]
        print(f"\nwithout a price, and so not in the cost: {', '.join(targets)} (policies/prices.yaml)")


def _tell_own(settings: Settings, options: argparse.Namespace, rows: Sequence[UsageRow], filters: Filters) -> None:
    """What no team pays for stands in no line, and must not be missed where totals of other reports are compared."""
    began = None if options.since is None else options.since.at
    accounts = own_usage(settings.ledger, began, options.until, filters)
    if not accounts:
        return
    try:
        currency = f" {currency_of(settings)}"
    except DocumentError:
        currency = ""
    own = sum(one.cost_nano for one in accounts)
    whole = own + sum(row.cost_nano for row in rows)
    each = ", ".join(map(_account, accounts))
    print(
        f"\nbesides, paid by the gateway's own accounts and in no line: {decimal_text(own)}{currency} ({each}); "
        f"with that {decimal_text(whole)}{currency}"
    )


def _account(row: UsageRow) -> str:
    unknown = f"{row.unpriced} charge{'' if row.unpriced == 1 else 's'} without a price" if row.unpriced else ""
    cost = decimal_text(row.cost_nano) if row.cost_nano or not unknown else ""
    return f"{row.group[ACCOUNT]} {' and '.join(filter(None, (cost, unknown)))}"

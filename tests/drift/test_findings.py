"""What `gateway check` warns of, by example."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.config import read_config
from gateway.drift import Finding, find_drift
from gateway.policyset import read_policies
from gateway.stores.documents import Text
from tests.conftest import ROOT

TENANTS = """
tenants:
  - {id: acme, teams: [{id: red}, {id: blue, data_class: confidential}]}
  - {id: other, teams: [{id: green}]}
"""
PRICES = """
currency: USD
prices:
  - {id: p, provider: p, models: ["*"], from: 2026-01-01, per_million_tokens: {input: 1, output: 2}}
"""
CARD = """name: NAME
aliases: [NAME-1]
publisher: example-labs
targets:
  - {target: p/NAME, hosting: self-served, region: eu-west, data: {retention_days: 0, trains_on_inputs: true}}
context: {tokens: 1000}
modalities: {input: [text], output: [text]}
licence: {expression: MIT}
use: {intended: [tests]}
provenance: {source: "https://example.com/NAME", revision: r, files: [{path: f, sha256: "DIGEST"}]}
lineage: {datasets: [d], training_cutoff: 2025-06}
evaluations: [{dataset: d, metric: m, value: 0.5}]
risk: low
life:
  approved: {by: board@example.com, on: 2026-01-01}
""".replace("DIGEST", "0" * 64)
LIFE = "  approved: {by: board@example.com, on: 2026-01-01}\n"
OWNER = "owner: o@example.com, reason: r"


def at(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


class Folder:
    """A policy folder without drift, until a test changes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "models").mkdir()
        (path / "access").mkdir()
        self.write("tenants.yaml", TENANTS)
        self.write("guardrails.yaml", "guards: []\n")
        self.write("limits.yaml", "limits: []\n")
        self.write("prices.yaml", PRICES)
        self.write("models/m.yaml", CARD.replace("NAME", "m"))
        self.rules(f"  - {{id: all, effect: allow, {OWNER}, tenants: [acme]}}\n")

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text)

    def rules(self, *rules: str, exceptions: str = "") -> None:
        self.write("access.yaml", "rules:\n" + "".join(rules) + (f"exceptions:\n{exceptions}" if exceptions else ""))

    def card(self, *changes: tuple[str, str]) -> None:
        text = CARD.replace("NAME", "m")
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        self.write("models/m.yaml", text)

    def drift(self, day: str = "2026-06-15") -> list[Finding]:
        return find_drift(read_policies(self.path), self.path, at(day))

    def told(self, day: str = "2026-06-15") -> list[str]:
        """File and line, kind, and reason."""
        return [
            f"{Path(one.file).relative_to(self.path)}:{one.line} {one.kind}: {one.reason}" for one in self.drift(day)
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_there_is_none_in_what_is_as_it_was_meant(folder: Folder) -> None:
    assert folder.told() == []


ALL = f"  - {{id: all, effect: allow, {OWNER}, tenants: [acme]}}\n"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("effect: allow, until: 2026-06-14, teams: [red]", "rule_over: the rule `r` ended on 2026-06-14, and does nothing any more"),
        ("effect: deny, until: 2026-06-14, teams: [red]", "rule_over: the rule `r` ended on 2026-06-14"),
        ("effect: allow, until: 2026-06-15, teams: [red]", ""),
        ("effect: allow, teams: [red], from: 2027-01-01", ""),
        ("effect: allow, tenants: [other], teams: [red]",
         "rule_matches_nothing: the rule `r` can never match: there is no declared team with tenants `other` and teams `red`"),
        ("effect: deny, tenants: [other], teams: [red]", "rule_matches_nothing"),
        ("effect: allow, teams: [blue], data_classes: [public, internal]",
         "rule_matches_nothing: the rule `r` can never match: there is no declared team with teams `blue` and data_classes `public` or `internal`"),
        ("effect: allow, teams: ['zz*']", "rule_matches_nothing"),
        ("effect: allow, teams: [blue], data_classes: [restricted]", ""),
        ("effect: allow, teams: [red], operations: ['image?']",
         ""),
        ("effect: allow, teams: [red], operations: ['pictures*']",
         "rule_matches_nothing: the rule `r` can never match: there is no operation with operations `pictures*`"),
        ("effect: allow, teams: [red], regions: ['us-*'], hosting: [hosted]",
         "rule_matches_nothing: the rule `r` can never match: there is no target, of a card that may be used now or later, with hosting `hosted` and regions `us-*`"),
        ("effect: allow, teams: [red], trains_on_inputs: false", "there is no target, of a card that may be used now or later, with trains_on_inputs false"),
        ("effect: deny, regions: ['us-*']", ""),  # a guard rail
        ("effect: deny, licence_classes: [non-commercial]", ""),
        ("effect: deny, models: ['*-preview']", ""),
        ("effect: deny, trains_on_inputs: true, statuses: [draft]", ""),
        ("effect: allow, teams: [red], statuses: [draft]", "rule_matches_nothing"),
        ("effect: allow, teams: [red], models: [m, m-2]",
         "rule_names_nothing: the rule `r` names the model `m-2`, and no card is called so"),
        ("effect: deny, models: [mm]", "rule_names_nothing: the rule `r` names the model `mm`"),
        ("effect: allow, teams: [red], models: [mm]", "rule_names_nothing"),
        ("effect: allow, teams: [red], models: [m-1]", ""),
        ("effect: deny, teams: [red], providers: [q], risks: [high]",
         "rule_names_nothing: the rule `r` names the provider `q`, at which no card has a target"),
        ("effect: allow", "rule_wide_open: the rule `r` allows every model to everybody"),
        ("effect: allow, models: ['*'], tenants: ['*', acme], statuses: [approved, deprecated]", "rule_wide_open"),
        ("effect: allow, operations: [chat, embeddings]",
         "rule_wide_open: the rule `r` allows every model to everybody, for `chat` or `embeddings`"),
        ("effect: allow, statuses: [approved]", ""),
        ("effect: allow, data_classes: [restricted]", ""),
        ("effect: allow, trains_on_inputs: true", ""),
        ("effect: allow, licence_classes: [open]", ""),
        ("effect: allow, labels: {env: dev}", ""),
        ("effect: allow, mode: audit", ""),
    ],
)  # fmt: skip
def test_of_rules(rule: str, said: str, folder: Folder) -> None:
    folder.rules(ALL, f"  - {{id: r, {OWNER}, {rule}}}\n")
    told = folder.told()
    assert len(told) == bool(said), told
    assert all(one.startswith("access.yaml:3 ") and said in one for one in told)


def test_an_allow_that_a_deny_takes_back_is_told_where_it_stands(folder: Folder) -> None:
    folder.write(
        "access/two.yaml",
        f"rules:\n  - id: red\n    effect: allow\n    {OWNER.replace(', ', chr(10) + '    ')}\n    teams: [red]\n    models: [m]\n",
    )
    folder.rules(ALL, f"  - {{id: no-eu, effect: deny, {OWNER}, regions: [eu-west], teams: [red, green]}}\n")
    assert folder.told() == [
        "access/two.yaml:2 rule_shadowed: the rule `red` allows nothing: all that it matches is denied by `no-eu`"
    ]
    assert folder.drift()[0].remedy == "narrow `no-eu`, or remove `red`"


EXCEPTION = "  - {{id: x, {owner}, approver: p@example.com, teams: [red], models: ['*'], from: 2026-05-01, until: {until}, lifts: [{lifts}]}}\n"


@pytest.mark.parametrize(
    ("until", "lifts", "said"),
    [
        ("2026-06-14", "no-red", "exception_over: the exception `x` ended on 2026-06-14"),
        ("2026-06-15", "no-red", "exception_ends_soon: the exception `x` ends today, on 2026-06-15"),
        ("2026-06-16", "no-red", "exception_ends_soon: the exception `x` ends tomorrow, on 2026-06-16"),
        ("2026-06-28", "no-red", "exception_ends_soon: the exception `x` ends in 13 days, on 2026-06-28"),
        ("2026-06-29", "no-red", ""),
        ("2026-06-29", "no-green, no-red", "exception_lifts_nothing: the exception `x` lifts `no-green`, which denies nothing of what"),
        ("2026-06-29", "no-red, later", "exception_lifts_nothing: the exception `x` lifts `later`"),
        ("2026-06-29", "", ""),
    ],
)  # fmt: skip
def test_of_exceptions(until: str, lifts: str, said: str, folder: Folder) -> None:
    denies = [f"  - {{id: no-{team}, effect: deny, {OWNER}, teams: [{team}]}}\n" for team in ("red", "green")]
    later = f"  - {{id: later, effect: deny, {OWNER}, teams: [red], from: 2026-08-01}}\n"
    folder.rules(ALL, *denies, later, exceptions=EXCEPTION.format(owner=OWNER, until=until, lifts=lifts))
    told = folder.told()
    if not lifts:  # and what it would allow is denied
        said = "rule_shadowed: the exception `x` allows nothing: all that it matches is denied by `no-red`"
    assert len(told) == bool(said), told
    assert all(one.startswith("access.yaml:7 ") and said in one for one in told)


@pytest.mark.parametrize(
    ("life", "said"),
    [
        (LIFE.replace("01}", "01, until: 2026-07-15}"), ""),
        (LIFE.replace("01}", "01, until: 2026-07-14}"), "m.yaml:15 card_ends_soon: the approval of the card `m` runs out in 29 days, on 2026-07-14"),
        (LIFE.replace("01}", "01, until: 2026-06-15}"), "card_ends_soon: the approval of the card `m` runs out today"),
        (LIFE.replace("01}", "01, until: 2026-06-14}"), "m.yaml:15 card_over: the approval of the card `m` ran out on 2026-06-14: calls are refused"),
        (LIFE + "  deprecated: {on: 2026-02-01, sunset: 2026-09-01, successor: n}\n", ""),
        (LIFE + "  deprecated: {on: 2026-02-01, sunset: 2026-06-17, successor: n}\n",
         "m.yaml:16 card_ends_soon: the model `m` is usable for the last time tomorrow: its sunset is 2026-06-17"),
        (LIFE + "  deprecated: {on: 2026-02-01, sunset: 2026-06-15, successor: n}\n",
         "m.yaml:16 card_over: the model `m` is past its sunset, 2026-06-15: calls are refused"),
        (LIFE + "  revoked: {on: 2026-02-01, reason: r}\n", ""),
        ("  {}\n", ""),
    ],
)  # fmt: skip
def test_of_cards_lives(life: str, said: str, folder: Folder) -> None:
    folder.write("models/n.yaml", CARD.replace("NAME", "n"))
    folder.card((LIFE, life))
    told = folder.told()
    assert len(told) == bool(said), told
    assert all(said in one for one in told)


def test_of_gaps_in_cards_one_line_for_each_card(folder: Folder) -> None:
    folder.card(
        ("risk: low\n", ""),
        (", training_cutoff: 2025-06", ""),
        ("hosting: self-served, region: eu-west, data: {retention_days: 0, trains_on_inputs: true}", "hosting: hosted"),
    )
    assert folder.told() == [
        "models/m.yaml:14 card_incomplete: the card `m` is approved, and does not tell: "
        "region, data.retention_days, data.trains_on_inputs, lineage.training_cutoff, risk"
    ]
    folder.card(("risk: low\n", ""), (LIFE, "  {}\n"))
    assert folder.told() == []


@pytest.mark.parametrize(
    ("prices", "card", "said"),
    [
        ("", (), "what `p/m` is used for cannot be priced: no price for p/m"),
        ("provider: q, models: ['*'], from: 2026-01-01, per_million_tokens: {input: 1, output: 2}", (), "no price for p/m"),
        ("provider: p, models: [m], from: 2026-07-01, per_million_tokens: {input: 1, output: 2}", (), "no price for p/m"),
        ("provider: p, models: [m], from: 2026-01-01, until: 2026-06-15, per_million_tokens: {input: 1, output: 2}", (), "no price for p/m"),
        ("provider: p, models: [m], from: 2026-01-01, per_million_tokens: {input: 1}", (), "one has no price for output"),
        ("provider: p, models: [m], from: 2026-01-01, per_million_tokens: {input: 0, output: 0}", (), ""),
        ("provider: p, models: [m], from: 2026-01-01, per_million_tokens: {input: 1}", ("output: [text]", "output: [embedding]"), ""),
        ("provider: p, models: [m], from: 2026-01-01, per_unit: {audio_minute: 1}", ("input: [text]", "input: [audio]"), ""),
        ("", ("output: [text]", "output: [embedding]"), "no price for p/m"),
        ("", (LIFE, "  {}\n"), ""),
    ],
)  # fmt: skip
def test_of_prices(prices: str, card: tuple[str, str], said: str, folder: Folder) -> None:
    folder.write("prices.yaml", "currency: USD\n" + (f"prices:\n  - {{id: one, {prices}}}\n" if prices else ""))
    folder.card(*([card] if card else []))
    told = folder.told()
    assert len(told) == bool(said), told
    assert all(one.startswith("models/m.yaml:5 target_without_price: ") and said in one for one in told)


CONFIG = """policies_dir: .
providers:
  p: {base_url: "http://127.0.0.1:9/v1", api_key: k}
  q: {base_url: "http://127.0.0.1:9/v1", api_key: k}
models:
  good: {targets: [p/m]}
  fast:
    targets:
      - p/m
      - p/other
      - p/draft
"""


def test_of_routes_and_the_command(
    folder: Folder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("config.yaml", CONFIG)
    folder.write("models/draft.yaml", CARD.replace("NAME", "draft").replace(LIFE, "  {}\n"))
    folder.rules(ALL, f"  - {{id: r, effect: allow, {OWNER}, teams: [red], models: [fast], providers: [q]}}\n")
    monkeypatch.chdir(folder.path)
    assert main(["check", "--at", "2026-06-15"]) == 0
    access, without, refused, summary = capsys.readouterr().out.splitlines()
    assert access == (
        f"{folder.path / 'access.yaml'}:3: warning: the rule `r` names the model `fast`, and no card is called so; "
        "it is a route; name the cards of the targets that it leads to"
    )
    assert without == (
        "config.yaml:10: warning: the route `fast` leads to `p/other`, which no card describes: calls are refused; "
        "write a card for it (policies/models), or take the target out"
    )
    assert refused.startswith(
        "config.yaml:11: warning: the route `fast` leads to `p/draft`, whose card `draft` is a draft"
    )
    assert summary == "config.yaml and its policies are valid; warnings: 3"
    assert main(["check", "--at", "2026-06-15", "--strict"]) == 1
    capsys.readouterr()
    assert main(["check", "--at", "2026-06-15", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(Path(one["file"]).name, one["line"], one["severity"], one["kind"]) for one in told] == [
        ("access.yaml", 3, "warning", "rule_names_nothing"),
        ("config.yaml", 10, "warning", "route_without_card"),
        ("config.yaml", 11, "warning", "route_refused"),
    ]
    assert all(one["reason"] and one["remedy"] for one in told)


ROUTES = """routes:
  small:
    targets:
      - {target: p/m}
      - target: p/other
    canary: {target: p/draft, since: 2026-11-02}
"""


def test_of_the_routes_of_routes_yaml(folder: Folder) -> None:
    folder.write("routes.yaml", ROUTES)
    folder.write("models/draft.yaml", CARD.replace("NAME", "draft").replace(LIFE, "  {}\n"))
    draft, other = folder.told()
    assert other.startswith("routes.yaml:5 route_without_card: the route `small` leads to `p/other`, which no card ")
    assert draft.startswith("routes.yaml:3 route_refused: the route `small` leads to `p/draft`, whose card `draft` is ")


JUDGE = "  - {{id: hazards, on: [input], action: block,\n     ask: {{model: {model}, on_failure: {failing}}}}}\n"


@pytest.mark.parametrize(
    ("model", "failing", "said", "meets"),
    [
        ("p/m", "closed", "", ""),
        ("p/mm", "closed", "which no card describes; did you mean `p/m`?", "calls are refused"),
        ("p/mm", "open", "which no card describes; did you mean `p/m`?", "nobody judges"),
        ("local/llama-guard-3", "closed", "which no card describes; known: p/m", "calls are refused"),
    ],
)
def test_of_judges_that_no_card_describes(model: str, failing: str, said: str, meets: str, folder: Folder) -> None:
    folder.write("guardrails.yaml", "guards:\n" + JUDGE.format(model=model, failing=failing))
    told = folder.told()
    expected = f"guardrails.yaml:3 judge_without_card: the guard `hazards` asks `{model}`, {said}"
    assert told == ([expected] if said else [])
    assert all(one.remedy.endswith(meets) for one in folder.drift())


def test_a_folder_is_checked_by_itself(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--policies", str(folder.path), "--strict"]) == 0
    assert capsys.readouterr().out == f"{folder.path} is valid\n"
    folder.rules("  - {id: r}\n")
    assert main(["check", "--policies", str(folder.path), "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)
    assert (problem["line"], problem["severity"]) == (2, "error")
    assert main(["check", "--policies", str(folder.path)]) == 1
    assert capsys.readouterr().out.startswith(f"{folder.path / 'access.yaml'}:2: ")
    with pytest.raises(SystemExit) as ended:
        main(["check", "--at", "someday"])
    assert ended.value.code == 2


def test_the_same_files_give_the_same_findings_in_order_of_lines(folder: Folder) -> None:
    folder.rules(*(f"  - {{id: r{number}, effect: allow, {OWNER}}}\n" for number in (3, 1, 2)))
    found = folder.drift()
    assert [one.line for one in found] == [2, 3, 4]
    assert found == folder.drift()


def test_thousands_of_rules_are_looked_at(folder: Folder) -> None:
    rules = [
        f"  - {{id: a{n}, effect: allow, {OWNER}, teams: [red], models: ['m{n % 97}*'], labels: {{app: x{n}}}}}\n"
        for n in range(4000)
    ]
    rules += [
        f"  - {{id: d{n}, effect: deny, {OWNER}, regions: [eu-west], labels: {{app: x{n}}}}}\n"
        for n in range(0, 4000, 40)
    ]
    folder.rules(*rules)
    for number in range(300):
        folder.write(f"models/m{number}.yaml", CARD.replace("NAME", f"m{number}"))
    assert [one.kind for one in folder.drift()] == ["rule_shadowed"] * 100


def test_the_shipped_policies_lack_nothing_but_what_their_approval_names() -> None:
    settings = read_config(ROOT / "config.yaml", {})
    policies = read_policies(settings.policies_dir, settings.wiring)
    config = Text("config.yaml", (ROOT / "config.yaml").read_bytes())
    found = find_drift(policies, settings.policies_dir, at("2026-06-15"), settings.wiring, config)
    assert found == []
    for card in policies.cards.cards.values():
        assert card.life.approved is not None
        told = {
            fact for model in policies.catalogue.models.values() if model.name == card.name for fact in model.missing
        }
        assert set(card.life.approved.despite) == told, "what is told is not named as missing"


def test_of_raises_of_limits(folder: Folder) -> None:
    text = "limits:\n  - id: a\n    requests_per_day: 5\n    raises:\n      - {factor: 2, until: 2026-06-14, owner: o@example.com, reason: r}\n"
    folder.write("limits.yaml", text)
    said = "limits.yaml:5 raise_over: the raise of `a` by o@example.com ended on 2026-06-14, and does nothing any more"
    assert folder.told() == [said]
    assert folder.told("2026-06-14") == []

"""Cases out of what callers have asked: whose, which, with what taken out, and how they are written down."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from gateway.cli import main
from gateway.compare.capturing.capturing import Asked, Capture, capture
from gateway.compare.capturing.redacting import detectors
from gateway.compare.capturing.variables import read_back
from gateway.compare.capturing.writing import NotAppendable, appended, lines_of
from gateway.compare.cases import Case, read_suite
from gateway.compare.running.rendering import rendered
from gateway.core.clock import SystemClock
from gateway.identity.tenants import read_tenants
from gateway.prompts.dotprompt import Prompt, read
from gateway.prompts.publishing import publish
from gateway.stores.documents import Text
from gateway.testing import ScriptedUpstream, json_answer
from tests.conftest import ACCESS, CARD, TENANTS, GatewayFactory

TRIAGE = """---
model: m
input:
  schema: {message: string, product(enum): [card, loan], count?: integer}
  default: {product: card}
---
{{role "system"}}You route messages about a {{product}}.{{#if count}} {{count}} of them.{{/if}}
{{role "user"}}
{{message}}
"""


def prompt(text: str = TRIAGE) -> Prompt:
    return read(text, path="p", partials=lambda _: None)


def asked_with(made: Prompt, variables: dict[str, Any], own: Any = ()) -> list[Any]:
    return list(rendered(made, "p", Case(id="c", vars=variables, messages=tuple(own)), {"model": "m"})["messages"])


FOUND = [
    (TRIAGE, {"message": "my card was stolen", "product": "loan", "count": "3"}),
    (TRIAGE, {"message": "line one\nline two {{product}}", "product": "card"}),
    ('{{role "system"}}Be {{tone}}.{{role "user"}}{{text}} ({{tone}})', {"tone": "brief", "text": "hello"}),
]


@pytest.mark.parametrize(("text", "variables"), FOUND)
def test_variables_are_read_back_out_of_what_the_prompt_made(text: str, variables: dict[str, str]) -> None:
    made = prompt(text)
    found = read_back(made, asked_with(made, variables))
    assert found is not None
    assert (dict(found.variables), found.messages) == (variables, ())


def test_what_a_caller_said_besides_is_his_own() -> None:
    made = prompt('---\nmodel: m\n---\n{{role "system"}}You are {{who}}.{{history}}{{role "user"}}And {{what}}?')
    own = [{"role": "user", "content": "first"}, {"role": "assistant", "content": "yes"}]
    found = read_back(made, asked_with(made, {"who": "kind", "what": "now"}, own))
    assert found is not None
    assert dict(found.variables) == {"who": "kind", "what": "now"}
    assert list(found.messages) == own


UNTOLD = {
    "of two ways": ("{{role \"user\"}}{{one}} {{two}}", {"one": "a b", "two": "c d"}),
    "a list": ("---\nmodel: m\ninput: {schema: {items(array): string}}\n---\n{{#each items}}{{this}} {{/each}}", {"items": ["a", "b"]}),
    "not by this prompt": ("{{role \"user\"}}Say {{what}}", None),
    "against its schema": (TRIAGE, {"message": "x", "product": "card", "count": "many"}),
}  # fmt: skip


@pytest.mark.parametrize("name", UNTOLD)
def test_what_the_text_does_not_tell_is_not_told(name: str) -> None:
    text, variables = UNTOLD[name]
    made = prompt(text)
    if variables is None:
        messages: list[Any] = [{"role": "user", "content": "Tell me"}]
    elif name == "against its schema":
        system = {"role": "system", "content": "You route messages about a card. many of them.\n"}
        messages = [system, {"role": "user", "content": "\nx\n"}]
    else:
        messages = asked_with(made, variables)
    assert read_back(made, messages) is None


MANY = {
    "no end": ("Q: {{a}} | {{b}} | {{c}} | {{d}} end.", "Q: " + "x | " * 4_000 + " end", None),
    "two ways": ("{{a}} | {{b}} | {{c}} | {{d}}", "x | " * 4_000, None),
    "the same word twice": ("{{a}} | {{b}} | {{a}} | {{c}} end.", "x | " * 4_000 + " end", None),
    "one way": (
        "Q: {{a}} | {{b}} | {{c}} | {{d}} end",
        "Q: x | y | | | z end",
        {"a": "x", "b": "y", "c": "|", "d": "z"},
    ),
    "twice in one text": ("{{a}}, {{b}}! I said {{a}}.", "no, you! I said no.", {"a": "no", "b": "you"}),
    "not twice": ("{{a}}, {{b}}! I said {{a}}.", "no, you! I said yes.", None),
}


@pytest.mark.parametrize("name", MANY)
def test_no_text_takes_long_to_be_taken_apart(name: str) -> None:
    """Callers write it: with a pattern's backtracking, one message of some thousand letters took longer than anyone."""
    template, said, variables = MANY[name]
    found = read_back(prompt(f'{{{{role "user"}}}}{template}'), [{"role": "user", "content": said}])
    assert (None if found is None else dict(found.variables)) == variables


def row(number: int, variables: dict[str, str], **about: Any) -> dict[str, Any]:
    request = {"model": "m", "messages": asked_with(prompt(), variables)}
    answer = {"choices": [{"index": 0, "message": {"content": about.pop("answer", "fraud")}, "finish_reason": "stop"}]}
    return {
        "id": f"p{number}", "call": f"c{number}", "at_ns": 10**18 + number, "tenant": "acme", "team": "team-a",
        "user": "", "operation": "chat", "stream": 0, "prompt_id": "support/triage@1",
        "request": json.dumps(request), "primary_answer": json.dumps(answer), **about,
    }  # fmt: skip


def captured(rows: list[dict[str, Any]], **about: Any) -> tuple[Capture, list[str]]:
    by_id = {one["id"]: one for one in rows}
    opened: list[str] = []

    def get(id: str) -> dict[str, Any]:
        opened.append(id)
        return by_id[id]

    asked = Asked(**{
        "prompt": "support/triage", "since_ns": 0, "sample": 100, "seed": 1, "consenting": {("acme", "team-a")},
        "version": lambda number: prompt() if number == 1 else None, **about,
    })  # fmt: skip
    hidden = ("request", "primary_answer")
    listed = [{name: value for name, value in one.items() if name not in hidden} for one in rows]
    return capture(listed, get, asked, detectors()), opened


def message(number: int) -> dict[str, str]:
    return {"message": f"message {number}", "product": "card"}


def test_only_consenting_teams_calls_are_read_at_all() -> None:
    rows = [row(1, message(1)), row(2, message(2), team="team-b"), row(3, message(3), tenant="other")]
    found, opened = captured(rows)
    assert [dict(one.variables) for one in found.cases] == [message(1)]
    assert found.left_out == {"consent": 2}
    assert opened == ["p1"]
    found, opened = captured(rows, consenting=())
    assert (found.cases, opened) == ((), [])


def test_what_cannot_become_a_case_is_counted_by_its_reason() -> None:
    rows = [
        row(1, message(1)),
        row(2, message(1)),
        row(3, message(3), operation="messages"),
        row(4, message(4), prompt_id="support/triage@9"),
        row(5, message(5), request="{}"),
        row(6, message(6), prompt_id="support/other@1"),
        row(7, message(7)),
    ]
    found, opened = captured(rows, known=[message(7)])
    assert len(found.cases) == 1
    assert found.left_out == {"protocol": 1, "version": 1, "untold": 1, "known": 2}
    assert not {"p3", "p4", "p6"} & set(opened)


PICTURE = "data:image/png;base64,iVBORw0KGgo="
PARTS = [
    {"type": "image_url", "image_url": {"url": PICTURE}},
    {"type": "image_url", "image_url": {"url": "https://example.com/ann.png"}},
    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    {"type": "file", "file": {"file_data": "JVBERi0=", "filename": "ann.pdf"}},
]


@pytest.mark.parametrize("part", PARTS)
def test_what_nobody_can_look_through_is_not_given_out(part: dict[str, Any]) -> None:
    """Nothing finds a person in a picture."""
    own = [{"role": "user", "content": [{"type": "text", "text": "who is that?"}, part]}]
    request = {"model": "m", "messages": asked_with(prompt(), message(1), own)}
    found, _ = captured([row(1, message(1), request=json.dumps(request))])
    assert (found.cases, found.left_out) == ((), {"media": 1})
    picture = {**message(2), "message": PICTURE}
    assert captured([row(2, picture)])[0].left_out == {"media": 1}
    words = [{"role": "user", "content": [{"type": "text", "text": "who is that?"}]}]
    request = {"model": "m", "messages": asked_with(prompt(), message(1), words)}
    assert len(captured([row(1, message(1), request=json.dumps(request))])[0].cases) == 1


def test_the_sample_is_the_seeds_and_none_is_older_than_asked() -> None:
    rows = [row(number, message(number)) for number in range(60)]
    one, opened = captured(rows, sample=5)
    other, _ = captured(rows, sample=5)
    third, _ = captured(rows, sample=5, seed=2)
    assert one == other != third
    assert len(one.cases) == len(opened) == 5
    late, _ = captured(rows, since_ns=10**18 + 55)
    assert len(late.cases) == 5


def test_secrets_and_personal_data_are_taken_out_of_all_of_it() -> None:
    said = {"message": "I am jane@example.com, key AKIAIOSFODNN7EXAMPLQ; write to jane@example.com", "product": "card"}
    found, _ = captured([row(1, said, answer="Dear jane@example.com", user="jane")])
    (case,) = found.cases
    assert case.variables["message"] == "I am <EMAIL_1>, key <AWS_KEY_1>; write to <EMAIL_1>"
    assert case.answer == "Dear <EMAIL_1>"
    assert case.redacted == 4
    written = lines_of(found.cases)
    assert "jane" not in written
    assert "AKIA" not in written


def test_questions_of_one_caller_are_one_group_and_nobody_is_named() -> None:
    rows = [row(number, message(number), user="jane" if number % 2 else "joe") for number in range(6)]
    found, _ = captured(rows)
    groups = {one.source for one in found.cases}
    assert groups == {"caller 1", "caller 2"}
    assert [one.source for one in captured([row(1, message(1))])[0].cases] == [""]


def test_what_is_written_is_a_suite_with_the_same_texts() -> None:
    said = {"message": 'tab\t"quoted" \x7f \u2028 \U0001f600 # no comment\n- {x: y}', "product": "card"}
    found, _ = captured([row(1, said, answer="two\nlines \x07 # and more")])
    text = appended("cases.yaml", None, found.cases)
    suite = read_suite(Text("cases.yaml", text))
    (case,) = suite.cases
    assert dict(case.vars) == said
    assert case.tags == ("captured",)
    assert b"# answered: two lines   # and more" in text
    assert b"assert" in text.splitlines()[1]


@pytest.mark.parametrize("indent", ["  ", ""])
def test_cases_are_added_at_the_end_and_nothing_else_changes(indent: str) -> None:
    found, _ = captured([row(1, message(1)), row(2, message(2))])
    before = f"margin: 0.02  # agreed\ntests:\n{indent}- {{vars: {{message: a, product: card}}}}"
    text = appended("cases.yaml", before.encode(), found.cases)
    assert text.startswith(before.encode())
    assert len(read_suite(Text("cases.yaml", text)).cases) == 3


def test_a_file_that_is_written_otherwise_is_left_alone() -> None:
    found, _ = captured([row(1, message(1))])
    with pytest.raises(NotAppendable, match="put the cases there by hand"):
        appended("cases.yaml", b"tests: [{vars: {message: a, product: card}}]\n", found.cases)


def test_who_consents_stands_in_tenants_yaml() -> None:
    text = """
tenants:
  - id: open
    cases_from_traffic: true
    teams: [{id: a}, {id: b, cases_from_traffic: false}]
  - id: closed
    teams: [{id: a}, {id: b, cases_from_traffic: true}]
"""
    assert read_tenants(Text("tenants.yaml", text.encode())).consenting == {("open", "a"), ("closed", "b")}


async def test_calls_of_a_real_gateway_become_cases(make_gateway: GatewayFactory, capsys: Any) -> None:
    """From the caller's prompt object by way of a mirror to a file of cases."""
    consenting = TENANTS.replace("{id: team-a, name: A}", "{id: team-a, name: A, cases_from_traffic: true}")
    routes = "routes: {fast: {targets: [{target: mock/m}], mirrors: [{model: other, keep: true}]}}\n"
    cards = {f"models/{name}": CARD.format(name=name, target=f"mock/{name[0]}") for name in ("main", "other")}
    answer = {"id": "c", "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "fraud"}, "finish_reason": "stop"}]}  # fmt: skip
    async with ScriptedUpstream({"*": json_answer(answer)}) as upstream:
        policies = {"tenants": consenting, "routes": routes, "access": ACCESS, **cards}
        gateway = make_gateway(upstream.base_url, models={}, policies=policies)
        root = gateway.folder / "policies" / "prompts"
        (root / "support" / "triage").mkdir(parents=True)
        (root / "support" / "triage" / "draft.prompt").write_text(TRIAGE.replace("model: m", "model: fast"))
        publish(root, "support/triage", by="tests", message="", clock=SystemClock())
        (root / "support" / "triage" / "prompt.yaml").write_text("labels: {production: 1}\n")
        await asyncio.to_thread(gateway.start)
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {gateway.key}"}, timeout=20) as client:
            for number in range(3):
                variables = {"message": f"call {number} from joe@example.com", "product": "loan"}
                body = {"prompt": {"id": "support/triage", "variables": variables}, "user": "joe"}
                told = await client.post(f"{gateway.base_url}/chat/completions", json=body)
                assert told.status_code == 200, told.text
        await asyncio.to_thread(gateway.records, 6)
        await asyncio.to_thread(gateway.stop)
    command = ["prompts", "capture", "support/triage", "--since", "1h", "--config", str(gateway.config_file)]
    assert main(command) == 0
    printed = yaml.safe_load("tests:\n" + capsys.readouterr().out)
    texts = {test["vars"]["message"] for test in printed["tests"]}
    assert texts == {f"call {number} from <EMAIL_1>" for number in range(3)}
    assert main([*command, "--write"]) == 0
    assert "3 cases added" in capsys.readouterr().out
    suite = read_suite(root / "support" / "triage" / "cases.yaml")
    assert {case.source for case in suite.cases} == {"caller 1"}
    assert main(command) == 1  # they are there already
    assert "left out: 3 calls that are among the cases already" in capsys.readouterr().err
    (gateway.folder / "policies" / "tenants.yaml").write_text(TENANTS)
    (root / "support" / "triage" / "cases.yaml").unlink()
    assert main(command) == 1
    told = capsys.readouterr()
    assert "left out: 3 calls of teams that have not consented" in told.err
    assert told.out == ""


def test_without_the_extra_nothing_is_given_out(
    make_gateway: GatewayFactory, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from gateway.cli import prompts_capture
    from gateway.guard.detectors import MissingExtra

    def missing() -> None:
        raise MissingExtra("guards")

    gateway = make_gateway()
    folder = Path(gateway.folder / "policies" / "prompts" / "p")
    folder.mkdir(parents=True)
    (folder / "draft.prompt").write_text("---\nmodel: m\n---\nhi")
    monkeypatch.setattr(prompts_capture, "detectors", missing)
    assert main(["prompts", "capture", "p", "--since", "1h", "--config", str(gateway.config_file)]) == 1
    assert "needs the extra `guards`" in capsys.readouterr().err

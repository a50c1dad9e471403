"""Draft cards: what a model's own files say of it, as YAML that always reads back, and never more than they say."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.catalogue.cards import Ancestor, Card, Evaluation, Licence
from gateway.catalogue.importing.facts import Facts, ImportingError, clean
from gateway.catalogue.importing.hub import read_hub
from gateway.catalogue.importing.sources import draft_card
from gateway.catalogue.importing.writing import SCHEMA, Draft, draft_text, scalar
from gateway.stores.documents import open_document, parse_document
from tests.catalogue.conftest import write_gguf, write_safetensors

README = """---
license: llama3.1
base_model: example/base-8b
base_model_relation: finetune
pipeline_tag: text-generation
language: [en, de]
tags: []
extra_gated_fields:
datasets:
  - example/instructions
  - https://example.com/data
model-index:
  - name: Chat
    results:
      - task: {type: text-generation}
        dataset: {name: A benchmark, type: example/benchmark}
        metrics:
          - {type: acc, value: 63.25, name: accuracy}
          - {type: broken, value: n/a}
        source: {name: the makers, url: https://example.com/results}
---
# Chat

---
license: mit
"""
RESULTS = """
- dataset: {id: example/hard, task_id: diamond}
  value: 12.5
  date: "2026-03-04T00:00:00Z"
  source: {url: https://example.com/hard, name: Example}
- dataset: {id: example/nothing}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "Chat 8B"
    (made / ".eval_results").mkdir(parents=True)
    (made / "README.md").write_text(README)
    (made / ".eval_results" / "hard.yaml").write_text(RESULTS)
    (made / "config.json").write_text(
        json.dumps({"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 131072, "auto_map": {"A": "b.C"}})
    )
    write_safetensors(made / "model.safetensors")
    return made


def test_a_pipe_among_the_files_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / ".eval_results" / "pipe.yaml")
    importing = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "models", "import", str(folder)],
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert b"max_position" in importing.stdout or b"131072" in importing.stdout


def reread(draft: Draft) -> tuple[str, Card]:
    text = draft_text(draft)
    card = parse_document(text.encode(), "draft.yaml", Card)
    assert card == draft.card
    assert text.splitlines()[0] == SCHEMA
    assert card.life == Card(name="x").life, "a draft has no life yet"
    return text, card


def test_a_folder_of_the_hubs_becomes_a_card(folder: Path) -> None:
    text, card = reread(draft_card(str(folder)))
    assert (card.name, card.title) == ("chat-8b", "Chat 8B")
    assert card.licence == Licence(
        expression="LicenseRef-llama3.1",
        class_="open-weights-restricted",
        url="https://www.llama.com/llama3_1/license/",
    )
    assert card.lineage.base_models == (Ancestor(relation="finetune", source="hf://example/base-8b"),)
    assert card.lineage.datasets == ("hf://datasets/example/instructions", "https://example.com/data")
    assert card.context.tokens == 131072
    assert (card.modalities.input, card.modalities.output) == (("text",), ("text",))
    assert card.evaluations == (
        Evaluation(
            dataset="A benchmark", metric="accuracy", value=Decimal("63.25"), source="https://example.com/results"
        ),
        Evaluation(
            dataset="example/hard",
            metric="diamond",
            value=Decimal("12.5"),
            source="https://example.com/hard",
            on="2026-03-04",
        ),
    )
    (file,) = card.provenance.files
    content = (folder / "model.safetensors").read_bytes()
    assert (file.path, file.sha256, file.bytes) == (
        "model.safetensors",
        hashlib.sha256(content).hexdigest(),
        len(content),
    )
    for said in (
        "# missing: targets: where it may be used",
        "# missing: risk:",
        "# missing: provenance.revision:",
        "# hf://example/base-8b: write its licence, or its card",
        "names Python code to run",
        "config.json: architectures: LlamaForCausalLM",
    ):
        assert said in text


def test_a_snapshot_of_the_hubs_cache_says_whence_it_came(folder: Path, tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    place = tmp_path / "models--example--Chat-8B" / "snapshots" / commit
    place.parent.mkdir(parents=True)
    folder.rename(place)
    (place / "README.md").write_text("---\nlicense: gemma\nlicense_link: LICENSE.md\n---\n")
    card = draft_card(str(place)).card
    assert (card.name, card.publisher) == ("chat-8b", "example")
    assert (card.provenance.source, card.provenance.revision) == ("hf://example/Chat-8B", commit)
    assert card.licence is not None
    assert card.licence.url == f"https://huggingface.co/example/Chat-8B/blob/{commit}/LICENSE.md"


@pytest.mark.parametrize(
    ("matter", "says"),
    [
        (
            "license: other\nlicense_name: house-terms\nlicense_link: LICENSE",
            "license: other, license_name: house-terms",
        ),
        ("license: [mit, apache-2.0]", "license: mit | apache-2.0"),
        ("license: gpl", "license: gpl"),
        ("license: apple-amlr", "say where its text is"),
    ],
)
def test_a_licence_that_is_not_known_is_told_and_not_guessed(matter: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"---\n{matter}\n---\n")
    text, card = reread(draft_card(str(tmp_path), "m"))
    assert card.licence is None
    assert says in text
    assert "# missing: licence: " in text


def test_a_real_model_by_its_own_metadata(smollm: Path) -> None:
    text, card = reread(draft_card(str(smollm)))
    assert card.licence == Licence(expression="Apache-2.0")
    assert (card.title, card.publisher) == ("Smollm2 135M 8k Lc100K Mix1 Ep2", "HuggingFaceTB")
    assert card.context.tokens == 8192
    assert card.provenance.files[0].sha256 == smollm.stem
    assert "architecture llama, weights Q4_1" in text


def test_the_lineage_that_gguf_metadata_tells(tmp_path: Path) -> None:
    path = write_gguf(
        tmp_path / "chat.q8.gguf",
        general__license="other",
        general__license__link="https://example.com/terms",
        general__license__name="house terms",
        general__file_type=7,
        general__quantized_by="somebody",
        general__datasets=["example/data"],
        general__base_model__count=2,
        general__base_model__0__repo_url="https://huggingface.co/example/base",
        general__base_model__1__organization="Example",
        general__base_model__1__name="Other Base",
        general__source__url="https://example.com/chat",
    )
    text, card = reread(draft_card(str(path)))
    assert card.lineage.base_models == (
        Ancestor(relation="quantized", source="hf://example/base"),
        Ancestor(relation="quantized", source="hf://Example/Other-Base"),
    )
    assert card.lineage.datasets == ("example/data",)
    assert card.provenance.source == "https://example.com/chat"
    assert card.licence is None
    assert "license_name: house terms, license_link: https://example.com/terms" in text
    assert "quantized_by: somebody" in text


def test_two_files_that_say_different_licences_are_told(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    write_gguf(tmp_path / "m.gguf", general__license="cc-by-nc-4.0")
    text, card = reread(draft_card(str(tmp_path), "m"))
    assert card.licence == Licence(expression="MIT")
    assert "m.gguf says another licence: CC-BY-NC-4.0" in text


@pytest.mark.parametrize(
    ("source", "name", "says"),
    [
        ("nowhere", "", "there is no file or folder nowhere"),
        ("bad.gguf", "", "does not begin with `GGUF`"),
        (".", "not a name", "is no name for a card"),
        (".", "../../etc", "is no name for a card"),
        ("hf://only-one-word", "", "a model of the Hub is `hf://owner/name`"),
    ],
)
def test_what_cannot_be_imported_is_said(
    source: str, name: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.gguf").write_bytes(b"nothing")
    with pytest.raises(ImportingError, match=says):
        draft_card(source, name)


HOSTILE = {
    "alias bomb": "---\na: &a [x, x]\nlicense: [*a, *a]\n---\n",
    "not yaml": "---\na: [\n---\n",
    "deep": "---\na: " + "[" * 50_000 + "\n---\n",
    "code": "---\nlicense: !!python/object/apply:os.system ['true']\n---\n",
    "no end": "---\nlicense: mit\n",
    "odd types": "---\nlicense: {a: b}\ndatasets: {a: b}\nmodel-index: [1, [2], {results: x}]\nbase_model: [[a]]\n---\n",
    "binary": "---\nlicense: \x00\x01\n---\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_readme_yields_a_draft_without_its_claims(name: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(HOSTILE[name])
    (tmp_path / "config.json").write_text("[" * 100_000)
    _, card = reread(draft_card(str(tmp_path), "m"))
    assert card == Card(name="m", title=tmp_path.name)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_keys = (
    "license license_name license_link base_model base_model_relation datasets language pipeline_tag tags model-index"
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(_keys.split(), _json)),
    st.dictionaries(st.sampled_from(["max_position_embeddings", "architectures", "text_config", "dtype"]), _json),
)
@example({"license": "other", "license_name": "a\nlife: {approved: {by: me, on: 2020-01-01}}"}, {})
@example({"base_model": ["a: b", "# c", "- d", "\u2028e", "'\"\\", "true", "12:30", "\ud800"]}, {})
def test_whatever_others_write_the_draft_reads_back(
    tmp_path: Path, matter: dict[str, Any], configuration: dict[str, Any]
) -> None:
    lines = "".join(f"{key}: {_finite(value)}\n" for key, value in matter.items())
    (tmp_path / "README.md").write_text(f"---\n{lines}---\n")
    (tmp_path / "config.json").write_text(_finite(configuration))
    reread(draft_card(str(tmp_path), "m"))


def _finite(value: Any) -> str:
    """As JSON, which is YAML."""
    return json.dumps(value).replace("NaN", "0").replace("-Infinity", "0").replace("Infinity", "0")


@given(st.one_of(st.text(), st.text(alphabet="aA1 :#-'\"\\{}[]&*!|>%@`,?\n\t~.yesnotrul=<", max_size=12)))
@example("true")
@example("2026-01-01")
@example("1e5")
@example("a: b")
def test_every_text_reads_back_as_itself(text: str) -> None:
    text = text.encode(errors="replace").decode()
    assert open_document(f"a: {scalar(text)}\nb: [{scalar('x')}]\n".encode(), "t", dict[str, Any]).value["a"] == text
    assert clean(text) == clean(clean(text))
    assert "\n" not in clean(text)


class FakeHub(http.server.BaseHTTPRequestHandler):
    """The Hub's API for one model, as its client asks it."""

    commit = "89abcdef0123456789abcdef0123456789abcdef"
    files: ClassVar = {"README.md": README.encode(), "config.json": b'{"max_position_embeddings": 2048}'}

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/example/chat"):
            siblings = [{"rfilename": name, "size": len(content)} for name, content in self.files.items()]
            lfs = {"sha256": "ab" * 32, "size": 99, "pointerSize": 100}
            siblings += [{"rfilename": "model.safetensors", "size": 99, "lfs": lfs}, {"rfilename": "b.bin", "size": 1}]
            body = json.dumps({"id": "example/chat", "sha": self.commit, "siblings": siblings}).encode()
            if "/tree/" in self.path:
                body = json.dumps(
                    [
                        {"type": "file", "path": one["rfilename"], "size": one["size"], "oid": "0" * 40}
                        for one in siblings
                    ]
                ).encode()
            self.answer(200, body, {})
        elif (name := self.path.rpartition("/")[2]) in self.files:
            self.answer(200, self.files[name], {"ETag": f'"{name}"', "X-Repo-Commit": self.commit})
        else:
            self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET  # noqa: N815  the standard library's name

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), FakeHub) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_model_of_the_hub_comes_with_digests_and_without_weights(hub: str) -> None:
    facts = Facts()
    assert read_hub(facts, "hf://example/chat", hub) == "chat"
    card = facts.card("chat")
    assert (card.provenance.source, card.provenance.revision) == ("hf://example/chat", FakeHub.commit)
    assert [(file.path, file.sha256, file.bytes) for file in card.provenance.files] == [
        ("model.safetensors", "ab" * 32, 99)
    ]
    assert card.context.tokens == 2048
    assert card.licence is not None
    assert card.licence.expression == "LicenseRef-llama3.1"
    assert "the Hub does not tell the SHA-256 of b.bin" in facts.remarks["provenance"]


def test_a_hub_that_cannot_be_reached_or_has_no_such_model_is_told(hub: str) -> None:
    for source, endpoint in (("hf://example/chat", "http://127.0.0.1:9"), ("hf://example/none", hub)):
        with pytest.raises(ImportingError, match="where it cannot be reached, import a folder of its files"):
            read_hub(Facts(), source, endpoint)
    assert "HF_TOKEN" not in os.environ

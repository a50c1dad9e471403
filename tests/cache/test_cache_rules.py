"""cache.yaml: which rule a call falls under, what is wrong with a file; and what a request says of the cache."""

import pytest

from gateway.cache.directives import Wanted, wanted
from gateway.cache.document import Rule
from gateway.cache.loading import read_cache
from gateway.cache.question import standing
from gateway.cache.rules import NO_CACHE, Asked
from gateway.stores.documents import DocumentError, Text
from tests.cache.asking import entry_of, question

FILE = """
rules:
  - {id: labelled, ttl_s: 1, match: {labels: {env: "p*"}, tenants: [acme]}}
  - {id: fast, ttl_s: 1, match: {models: ["fast-*"], operations: [chat, embeddings]}}
  - {id: routed, ttl_s: 1, match: {routes: ["?*"], data_classes: [public]}}
  - {id: team, ttl_s: 1, match: {teams: [a]}}
"""


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("labelled", Asked("acme", "a", "fast-1", "chat", labels={"env": "prod"})),
        ("fast", Asked("acme", "a", "fast-1", "chat", labels={"env": "dev"})),
        ("fast", Asked("other", "x", "fast-1", "chat", labels={"env": "prod"})),
        ("team", Asked("acme", "a", "fast-1", "rerank")),
        ("routed", Asked("acme", "a", "slow", "chat", route="r", data_class="public")),
        ("team", Asked("acme", "a", "slow", "chat", route="", data_class="public")),
        ("", Asked("acme", "x", "slow", "chat", route="r", data_class="secret")),
    ],
)
def test_the_first_rule_that_matches_counts(rule: str, asked: Asked) -> None:
    found = read_cache(Text("cache.yaml", FILE.encode())).rule(asked)
    assert (found.id if found else "") == rule
    assert NO_CACHE.rule(asked) is None


@pytest.mark.parametrize(
    ("rule", "line", "reason"),
    [
        ("{id: a, ttl_s: 1}\n  - {id: a, ttl_s: 1}", 3, "stands twice"),
        ("{id: ' ', ttl_s: 1}", 2, "is empty"),
        ("{id: a, ttl_s: 0}", 2, "ttl_s"),
        ("{id: a, ttl_s: 1, shared: all}", 2, "shared"),
        ("{id: a, ttl_s: 1, match: {models: []}}", 2, "an empty `models` matches nothing"),
        ("{id: a, ttl_s: 1, match: {labels: {}}}", 0, ""),
        ("{id: a, ttl_s: 1, match: {operations: [chats]}}", 2, "did you mean `chat`"),
        ("{id: a, ttl_s: 1, match: {tenants: [acne]}}", 2, "did you mean `acme`"),
        ("{id: a, ttl_s: 1, ttl: 1}", 2, "unknown key `ttl`"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(rule: str, line: int, reason: str) -> None:
    source = Text("cache.yaml", f"rules:\n  - {rule}\n".encode())
    known = {"operations": ("chat", "embeddings"), "tenants": ("acme",)}
    if not line:
        assert read_cache(source, known).rules
        return
    with pytest.raises(DocumentError, match=reason) as refused:
        read_cache(source, known)
    assert f"cache.yaml:{line}: " in str(refused.value)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (None, Wanted()),
        (b"", Wanted()),
        (b"no-cache", Wanted(fresh=True)),
        (b"No-Store , max-age=5", Wanted(private=True, max_age_s=5)),
        (b'max-age="7", only-if-cached', Wanted(max_age_s=7, only_kept=True)),
        (b"max-age=0, max-age=9", Wanted(max_age_s=0)),
        (b"max-age=-1", Wanted()),
        (b"max-age=" + b"9" * 400, Wanted()),
        (b"max-stale=9, x=no-cache, private", Wanted()),
        ("no-c\xe4che".encode("latin-1"), Wanted()),
    ],
)
def test_what_a_request_says_of_the_cache(header: bytes | None, says: Wanted) -> None:
    assert wanted(header) == says


@pytest.mark.parametrize(
    ("age_s", "max_age_s", "worth"),
    [(0, None, "fresh"), (10, None, "fresh"), (11, None, "stale"), (15, None, "stale"), (16, None, "useless"),
     (5, 4, "useless"), (5, 5, "fresh"), (12, 20, "stale"), (-5, None, "fresh"), (-5, 0, "fresh")],
)  # fmt: skip
def test_what_an_entry_is_worth(age_s: float, max_age_s: int | None, worth: str) -> None:
    asked = question(Rule(id="r", ttl_s=10, stale_s=5), Wanted(max_age_s=max_age_s))
    entry = entry_of(b"")
    assert standing(entry, asked, entry.stored_at + age_s) == worth
    assert standing(None, asked, 0.0) == "useless"

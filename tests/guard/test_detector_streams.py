"""What is held back of a stream: enough that nothing found is ever cut, and no more of ordinary prose than a word."""

import random
import time
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.guard.detectors.deny import DenyDetector, DenyOptions
from gateway.guard.detectors.personal import PersonalDataDetector, PersonalDataOptions
from gateway.guard.detectors.secrets import SecretsDetector, SecretsOptions
from gateway.guard.detectors.urls import UrlsDetector, UrlsOptions
from gateway.guard.words import Detector
from tests.guard.samples import PROSE

DETECTORS: dict[str, Detector] = {
    "secrets": SecretsDetector(SecretsOptions()),
    "personal_data": PersonalDataDetector(PersonalDataOptions(regions=("US", "DE"))),
    "urls": UrlsDetector(UrlsOptions(hosts=("example.com",), max_query=5)),
    "deny": DenyDetector(
        DenyOptions(
            words=("project nightjar", "nightjar", "müller", "机密", "дом", "оса", "C++"),
            patterns={"case": r"CASE-\d{3,6}(?:/[A-Z]+)?", "tail": r"(?i)begin.{0,20}?end\b", "greek": r"\p{Greek}+x?"},
        )
    ),
}
PIECES = [
    "AKIAQYLPMN5HFIQR7XYA", "ghp_" + "a1B2" * 9, 'password = "', "hunter2Xy9!zz", "token: ", "sk-proj-" + "aB3_" * 8,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjMifQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r", "postgres://u:s3cr3tpw@db.local/x",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAvJ8u7Yd0c2ZmQ9b1\nqL0\n-----END RSA PRIVATE KEY-----",
    "Bearer abcdef0123456789ABCDEF", "?sig=" + "aB3" * 15 + "%3D", "SG." + "x" * 20 + "." + "y1" * 20,
    "joe.müller@example.co.uk", "+49 30 901820", "(212) 736-5000", "4111 1111 1111 1111", "4012888888881881",
    "DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819 AND", "8.8.8.8", "2a00:1450:4001:81b::200e", "536-90-4399",
    "85.07.30-033.28", "AB 12 34 56 C", "12345678Z", "call ", "BSN: ", "111222333", "Project \n nightjar", "müller",
    "nightjars", "机密", "дом", "домой", "CASE-12", "CASE-1234/AB", "begin to end", "https://evil.com/a(b)c?d=1", "![x](https://example.com/?q=123456)", "www.bad.co.uk", "SSN ", "phone: ", "2127365000", "536904399", "beginning", "αβγx", "C++",
    "-", ".", "/", " ", "\n", "1", "12", "a", "A", "é", "字", "=", ": ", '"', "x", "@", "+", "\ud800", "\u200b",
    "jo\u00ade@exa\u200bmple.org", "４１１１\u00a01111 1111 1111", "\u2060", "\u00a0", "４",
    "nіghtjаr", "рroject ", "oса", "оса", "осаnightjar", "n", "а", "о", "c",
]  # fmt: skip
TEXTS = st.lists(
    st.one_of(st.sampled_from(PIECES), st.sampled_from([" ", ", ", "\n"]), st.text(max_size=4)), max_size=8
).map("".join)


@pytest.mark.parametrize("name", DETECTORS)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS, data=st.data())
def test_nothing_that_is_found_in_the_whole_was_let_go_in_part(name: str, text: str, data: st.DataObject) -> None:
    """What stands before `open_from` is settled: found there already as it will be in the whole, or never found."""
    detector = DETECTORS[name]
    cut = data.draw(st.integers(0, len(text)))
    beginning = text[:cut]
    settled = detector.open_from(beginning)
    assert 0 <= settled <= cut
    early = detector.find(beginning)
    for span in detector.find(text):
        assert span.start >= settled or span in early
    for span in early:
        if span.end <= settled and span not in detector.find(text):
            # It gave way to another that overlaps it, which is not settled yet.
            assert any(other.start < span.end and span.start < other.end for other in detector.find(text))


@pytest.mark.parametrize("name", DETECTORS)
@given(text=TEXTS)
def test_findings_are_in_order_and_do_not_overlap(name: str, text: str) -> None:
    spans = DETECTORS[name].find(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


@pytest.mark.parametrize("language", PROSE)
@pytest.mark.parametrize("name", DETECTORS)
def test_of_prose_little_more_than_the_last_word_is_held_back(name: str, language: str) -> None:
    prose, detector = PROSE[language], DETECTORS[name]
    held = [prose[detector.open_from(prose[:cut]) : cut] for cut in range(1, len(prose) + 1)]
    assert sum(map(len, held)) / len(held) < 6
    assert max(len(one.split()) for one in held) <= 4
    assert max(map(len, held)) < 50


@pytest.mark.parametrize("run", ["a1B2" * 200, "0123456789abcdef" * 40, "M" + "ab1" * 100, "/+Zx" * 100])
def test_a_run_of_letters_that_is_too_long_to_be_a_key_is_let_go(run: str) -> None:
    assert len(run) - DETECTORS["secrets"].open_from(run) < 20
    assert DETECTORS["secrets"].open_from("sk-proj-" + "a1B2" * 20) == 0


@pytest.mark.parametrize("name", DETECTORS)
def test_words_that_nobody_said_before_are_told_as_quickly(name: str) -> None:
    """An automaton builds its states as it meets texts: what is quick for the same text again may take milliseconds."""
    chance = random.Random(7)
    words = [
        "".join(chance.choices("etaoinshrdlucmfwypvbgkqjxz_.-ETA0123", k=chance.randint(2, 14))) for _ in range(2000)
    ]
    texts = [" ".join(words[start : start + 12]) for start in range(0, len(words), 4)]
    began = time.process_time()
    for text in texts:
        DETECTORS[name].open_from(text)
    assert (time.process_time() - began) / len(texts) < 0.001

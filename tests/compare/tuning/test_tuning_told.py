"""What a terminal is told of a tuning: texts of upstreams and of cases, and nothing that moves its cursor."""

import pytest

from gateway.cli import tune_running
from gateway.cli.suite_running import unusable
from gateway.compare.tuning.trying import Tried
from tests.compare.tuning.scripted_tuning import workshop_of

HOSTILE = "\x1b[2Jgone\u202e"
SHOWN = "\\u001b[2Jgone\\u202e"


def test_an_upstreams_words_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert unusable(ValueError(f"the model that proposes does not answer: {HOSTILE}\nsecond line")) == 1
    told = capsys.readouterr().err
    assert told == f"error: the model that proposes does not answer: {SHOWN}\nsecond line\n"


def test_so_are_the_names_of_cases(capsys: pytest.CaptureFixture[str]) -> None:
    workshop = workshop_of()
    tried = Tried(workshop.make(workshop.words, (), f"1 examples: {HOSTILE}"), 0.5)
    tune_running._told(tried, True)  # pyright: ignore[reportPrivateUsage]
    told = capsys.readouterr().err
    assert SHOWN in told
    assert "\x1b" not in told

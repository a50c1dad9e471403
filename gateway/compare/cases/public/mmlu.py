"""MMLU's development questions (Hendrycks et al. 2021, https://arxiv.org/abs/2009.03300): five for each of 57 subjects,
with four answers to choose from. EleutherAI's harness has them as examples with reasons (Chung et al. 2022)."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.compare.cases.public.packages import NoSuite

_LETTERS = "ABCD"
_ITEM = re.compile(
    r"Q: (?P<question>.*?)\n\(A\) (?P<A>.*?)\s\(B\) (?P<B>.*?)\s\(C\) (?P<C>.*?)\s\(D\) (?P<D>.*?)"
    r"\nA: .*?The answer is \((?P<right>[A-D])\)",
    re.DOTALL,
)
_ASKED = "Answer with the letter of the right answer alone: A, B, C or D."


def tests_of(data: bytes) -> Iterator[dict[str, Any]]:
    """Tests, as a file of cases has them; a question with more than four answers is left out. `data`: of each subject
    one text, with a question after another.

    Raises:
        NoSuite: the data have another form.
    """
    try:
        subjects = msgspec.json.decode(data, type=dict[str, str])
    except msgspec.DecodeError as error:
        raise NoSuite(f"its data have another form: {error}") from None
    for subject, broken in subjects.items():
        # Somebody once read LaTeX's `\\frac` and `\\right` as signs that move the paper on.
        text = broken.replace("\f", r"\f").replace("\r", r"\r")
        items = re.split(r"\n\n(?=Q: )", text)[1:]
        for number, found in enumerate(_ITEM.match(item) for item in items):
            if found is None or "(E)" in found["D"]:
                continue
            answers = "\n".join(f"({letter}) {found[letter]}" for letter in _LETTERS)
            yield {
                "description": f"{subject} {number}",
                "messages": [{"role": "user", "content": f"{found['question']}\n{answers}\n\n{_ASKED}"}],
                "tags": [subject],
                "assert": [{"type": "regex", "value": _only(found["right"])}],
            }


def _only(letter: str) -> str:
    """The letter alone, `(B)`, `B. …` or `The answer is B.`; not a sentence that begins with it (`A group is …`)."""
    return rf"^\W*(?:(?i:(?:the\s+)?(?:correct\s+|right\s+)?answer\s*(?:is)?)\W*)?{letter}(?:[).:,*\]\n]|\s*$)"

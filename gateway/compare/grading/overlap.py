"""How many words two texts share, and in what order: ROUGE, BLEU, GLEU, METEOR.

Words are what stands between blanks, in lower case; of scripts without blanks between words (Han, kana), each letter
is one. Of a text of more than fifty thousand words the rest is not looked at.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

from gateway.compare.grading.distance import common
from gateway.compare.grading.stems import stem

MAX_WORDS, MAX_LETTERS = 50_000, 400_000
ORDERS = (1, 2, 3, 4)
# What a precision of 0 counts as, so that one missing order does not make the product 0.
_ALMOST_NOTHING = 1e-7
_UNSPACED = re.compile("([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])")
_LETTERS = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
Words = Sequence[str]
Grams = Counter[tuple[str, ...]]


def words(text: str, *, stops: bool = True) -> list[str]:
    """`stops`: words keep the full stops at their ends."""
    lower = text[:MAX_LETTERS].lower()
    spaced = _UNSPACED.sub(r" \1 ", lower) if _UNSPACED.search(lower) else lower
    found = spaced.split(maxsplit=MAX_WORDS)[:MAX_WORDS]
    return found if stops else [bare for word in found if (bare := word.rstrip("."))]


def letters_only(text: str) -> list[str]:
    """Words without the punctuation around them, as ROUGE counts them."""
    return [part for word in words(text) for part in _LETTERS.findall(word)]


def grams(found: Words, order: int) -> Grams:
    return Counter(zip(*(found[start:] for start in range(order)), strict=False))


def shared(one: Grams, other: Grams) -> int:
    """How many of one's n-grams are in the other, each as often as in both."""
    fewer, more = (one, other) if len(one) < len(other) else (other, one)
    return sum(min(count, more[gram]) for gram, count in fewer.items() if gram in more)


def best_of(score: Callable[[str, str], float], text: str, references: Sequence[str]) -> float:
    return max(score(text, reference) for reference in references)


def rouge_recall(order: int) -> Callable[[str, str], float]:
    """ROUGE-N as Lin (2004) has it and promptfoo: the share of the reference's n-grams that the text has."""

    def score(text: str, reference: str) -> float:
        wanted = grams(letters_only(reference), order)
        return shared(grams(letters_only(text), order), wanted) / wanted.total() if wanted else 0.0

    return score


def rouge_f1(order: int) -> Callable[[str, str], float]:
    """ROUGE-N as F1 of precision and recall, as most packages report it."""

    def score(text: str, reference: str) -> float:
        found, wanted = grams(letters_only(text), order), grams(letters_only(reference), order)
        both = found.total() + wanted.total()
        return 2 * shared(found, wanted) / both if both else 0.0

    return score


def rouge_l(text: str, reference: str) -> float:
    """F1 of the longest sequence of words that both have, with gaps."""
    found, wanted = letters_only(text), letters_only(reference)
    both = len(found) + len(wanted)
    return 2 * common(found, wanted) / both if both else 0.0


def bleu(text: str, references: Sequence[str]) -> float:
    """BLEU of one sentence (Papineni et al. 2002), n-grams of 1 to 4 words. Of a text of fewer than four words, only
    the orders that it has count (`effective order`): otherwise no short text would equal itself."""
    found = words(text)
    wanted = [one for one in map(words, references) if one]
    if not found or not wanted:
        return 0.0
    logs: list[float] = []
    for order in ORDERS[: len(found)]:
        mine = grams(found, order)
        most: Grams = Counter()
        for one in wanted:
            most |= grams(one, order)
        logs.append(math.log(shared(mine, most) / mine.total() or _ALMOST_NOTHING))
    if all(log == math.log(_ALMOST_NOTHING) for log in logs):
        return 0.0
    closest = min((len(one) for one in wanted), key=lambda length: (abs(length - len(found)), length))
    brevity = min(1.0, math.exp(1 - closest / len(found)))
    return brevity * math.exp(sum(logs) / len(logs))


def gleu(text: str, reference: str) -> float:
    """Google's BLEU for sentences (Wu et al. 2016): n-grams of 1 to 4 words, the lesser of precision and recall."""
    found, wanted = words(text, stops=False), words(reference, stops=False)
    if not found or not wanted:
        return 0.0
    both = mine = yours = 0
    for order in ORDERS:
        one, other = grams(found, order), grams(wanted, order)
        both, mine, yours = both + shared(one, other), mine + one.total(), yours + other.total()
    return both / max(mine, yours)


def meteor(text: str, reference: str) -> float:
    """METEOR (Banerjee and Lavie 2005) with words as they are and their stems (English), without synonyms: those need
    WordNet. alpha 0.9, beta 3, gamma 0.5."""
    found, wanted = words(text, stops=False), words(reference, stops=False)
    pairs = _aligned(found, wanted)
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(found), len(pairs) / len(wanted)
    mean = precision * recall / (0.9 * precision + 0.1 * recall)
    chunks = 1 + sum((here[0] + 1, here[1] + 1) != there for here, there in pairwise(pairs))
    return mean * (1 - 0.5 * (chunks / len(pairs)) ** 3)


def _aligned(found: Words, wanted: Words) -> list[tuple[int, int]]:
    """Pairs of places of the same word, then of the same stem; each place once. A word goes to the place after that of
    the word before it, if it can: runs are to be as long as may be."""
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for form in (str, stem):
        forms = [form(word) for word in wanted]
        waiting: dict[str, list[int]] = {}
        for place in reversed(range(len(wanted))):
            if place not in taken:
                waiting.setdefault(forms[place], []).append(place)
        for place, word in enumerate(found):
            if place in pairs:
                continue
            after = pairs.get(place - 1, -2) + 1
            if 0 <= after < len(forms) and after not in taken and forms[after] == form(word):
                pairs[place] = after
            elif (other := _first(waiting.get(form(word), []), taken)) is not None:
                pairs[place] = other
            else:
                continue
            taken.add(pairs[place])
    return sorted(pairs.items())


def _first(waiting: list[int], taken: set[int]) -> int | None:
    while waiting:
        if (place := waiting.pop()) not in taken:
            return place
    return None

"""The words that reports are grouped and filtered by, and the columns that they stand for.

Some stand for columns of the roll-ups, and are quick whatever the number of calls; some only single calls can tell
(`of_calls`), so that a report by them reads every call of its period.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from gateway.ledger.rows import FORGOTTEN

# Of local time; where they begin and end is for `slices.py` to say.
TIMES = ("month", "day", "hour")
TAG = "tag:"
# Who pays: of all that calls and roll-ups of usage hold, the team; `summing.py` adds what other accounts pay.
ACCOUNT, TEAMS = "account", "''"
# What a person's id is shown as when the name was taken out, or never told.
FORGOTTEN_PERSON = f"{FORGOTTEN}:"

Values = tuple[Any, ...]
People = Mapping[int, tuple[str, str]]
Condition = tuple[str, dict[str, Any]]


class Word(msgspec.Struct, frozen=True):
    """`columns`: SQL that is true of calls and of roll-ups; of calls alone with `of_calls`. `shown`: their values as a
    text for people, which also is what one filters by."""

    columns: tuple[str, ...]
    shown: Callable[[Values, People], str] = lambda values, _: str(values[0])
    of_calls: bool = False


def _person(values: Values, people: People) -> str:
    (person,) = values
    return people[person][1] if person in people else f"{FORGOTTEN_PERSON}{person}" if person else ""


# The tier that served, as the answer says.
_TIER = "coalesce((SELECT max(tier) FROM attempts WHERE attempts.call = calls.id AND attempts.served = 1), '')"
_SIZE = "coalesce((SELECT max(image_size) FROM attempts WHERE attempts.call = calls.id AND attempts.served = 1), '')"

WORDS: Mapping[str, Word] = {
    "tenant": Word(("tenant",)),
    "team": Word(("team",)),
    "project": Word(("tenant", "team"), lambda values, _: "/".join(values)),
    "key": Word(("key_id",)),
    "user": Word(("person",), _person),
    "model": Word(("model",)),
    "provider": Word(("target",), lambda values, _: values[0].partition("/")[0]),
    "target": Word(("target",)),
    "served_model": Word(("served_model",)),
    "operation": Word(("operation",)),
    "prompt": Word(("prompt_id",)),
    "route": Word(("route",), of_calls=True),
    "variant": Word(("variant",), of_calls=True),
    "cache": Word(("cache",), of_calls=True),
    "agent": Word(("agent",)),
    "data_class": Word(("data_class",)),
    "run": Word(("run_id",), of_calls=True),
    "outcome": Word(("outcome",), of_calls=True),
    "error": Word(("error_code",), of_calls=True),
    "rule": Word(("rule_id",), of_calls=True),
    "policy": Word(("policy_version",), of_calls=True),
    "would_deny": Word(("would_deny",), of_calls=True),
    "tier": Word((_TIER,), of_calls=True),
    "image_size": Word((_SIZE,), of_calls=True),
    ACCOUNT: Word((TEAMS,)),
}
# What one filters by is all of the column, or what stands in it before this: a prompt without a version is all of them.
_BEFORE = {"provider": "/", "prompt": "@"}
FILTERS: tuple[str, ...] = tuple(word for word in WORDS if word != ACCOUNT)
GROUPS: tuple[str, ...] = (*WORDS, *TIMES)


def check_words(words: Sequence[str] | Mapping[str, Any], known: Sequence[str], verb: str) -> None:
    """Raises:
    ValueError: one of them is not known.
    """
    for word in words:
        if word not in known and not (word.startswith(TAG) and len(word) > len(TAG)):
            raise ValueError(f"cannot {verb} by `{word}`; known: {', '.join(known)}, {TAG}NAME")


def word_of(name: str) -> Word:
    if not name.startswith(TAG):
        return WORDS[name]
    tag = name.removeprefix(TAG)
    return Word(("tags",), lambda values, _: tags_of(values[0]).get(tag, ""))


@lru_cache(maxsize=4096)
def tags_of(text: str) -> Mapping[str, str]:
    return msgspec.json.decode(text, type=dict[str, str]) if text else {}


def conditions(filters: Mapping[str, Sequence[str]], people: People) -> Condition:
    """` AND …` for each filter (any of its values), and the values that the SQL names."""
    sql = ""
    values: dict[str, Any] = {}
    for place, (name, wanted) in enumerate(filters.items()):
        texts: list[str] = []
        for number, value in enumerate(wanted):
            text, named = _condition(name, value, f"f{place}_{number}", people)
            texts.append(text)
            values |= named
        sql += f" AND ({' OR '.join(texts)})" if texts else " AND 1 = 0"
    return sql, values


def _condition(name: str, value: str, as_: str, people: People) -> Condition:
    """One word's one value. Words come from the table above, values are parameters."""
    if name.startswith(TAG):
        return _of_tag(name.removeprefix(TAG), value, as_)
    if name in _BEFORE:
        (column,), mark = WORDS[name].columns, _BEFORE[name]
        values = {as_: value, f"{as_}p": f"{value}{mark}", f"{as_}n": len(value) + 1}
        return f"({column} = :{as_} OR substr({column}, 1, :{as_}n) = :{as_}p)", values
    if name == "project":
        tenant, _, team = value.partition("/")
        return f"(tenant = :{as_} AND team = :{as_}t)", {as_: tenant, f"{as_}t": team}
    if name == "user":
        ids = list(_persons(value, people))
        names = [f"{as_}_{number}" for number in range(len(ids))]
        sql = f"person IN ({', '.join(f':{one}' for one in names)})" if ids else "1 = 0"
        return sql, dict(zip(names, ids, strict=True))
    (column,) = WORDS[name].columns
    return f"{column} = :{as_}", {as_: value}


def _of_tag(tag: str, value: str, as_: str) -> Condition:
    """Within canonical JSON a member stands after `{` or `,`; a quote within a text has a backslash before it, so
    nothing else looks like one."""
    name = msgspec.json.encode(tag).decode() + ":"
    member = name + msgspec.json.encode(value).decode() if value else name
    texts = {f"{as_}b": "{" + member, f"{as_}m": "," + member}
    has = f"replace(replace(tags, :{as_}b, ''), :{as_}m, '')"
    return f"{has} {'<>' if value else '='} tags", texts


def _persons(name: str, people: People) -> Iterator[int]:
    if not name:
        yield 0
    yield from (person for person, (_, user) in people.items() if user == name)
    number = name.removeprefix(FORGOTTEN_PERSON)
    if name.startswith(FORGOTTEN_PERSON) and number.isdecimal() and len(number) < 19 and int(number) not in people:
        yield int(number)

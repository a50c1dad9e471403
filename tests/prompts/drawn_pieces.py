"""Templates at random, as pieces, and what they say of one set of variables: by a reading of the pieces alone."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from gateway.prompts.dotprompt import Message, TextPart, read
from gateway.prompts.formats.handlebars import body
from gateway.prompts.formats.pieces import Branch, Loop, Name, Piece, Place, Role, Same, Text, Value, joined

VARIABLES: dict[str, Any] = {
    "a": "A{{",
    "flag": True,
    "off": False,
    "items": ["x ", "y"],
    "nil": [],
    "user": {"name": " N"},
    "role": "R",
    "rows": [{"n": 1, "tags": ["t"]}, {"n": 2, "tags": []}],
}
# Whatever a template language could take for more than a character.
NASTY = "{}\\ \n\ta~!#/%^>-\"'<&"
_ROOTS = [Name(("a",)), Name(("user", "name")), Name(("role",)), Name(("nowhere",))]
_TESTS: list[Name | Same] = [
    Name(("flag",)),
    Name(("off",)),
    Name(("nil",)),
    Same(Name(("a",)), "A{{"),
    Same(Name(("a",)), "z"),
]


def texts(alphabet: str = NASTY, size: int = 8) -> st.SearchStrategy[Text]:
    return st.text(alphabet=alphabet, max_size=size).map(Text)


def pieces(text: st.SearchStrategy[Text], loops: str = "", nest: int = 0) -> st.SearchStrategy[Piece]:
    """`loops`: what the loops around are over, `s` texts and `r` rows."""
    depth = len(loops)
    some: list[st.SearchStrategy[Piece]] = [text, st.sampled_from(_ROOTS).map(Value)]
    if depth:
        item = Name((), depth) if loops[-1] == "s" else Name(("n",), depth)
        some += [st.just(Value(Place("index"))), st.just(Value(item))]
    if nest > 2:
        return st.one_of(some)
    tests = st.sampled_from([*_TESTS, *([Place("first"), Place("last")] if depth else [])])
    inside = many(text, loops, nest + 1)
    some.append(st.builds(Branch, tests, inside, inside))
    for over, kind in ((Name(("items",)), "s"), (Name(("rows",)), "r"), (Name(("nil",)), "s")):
        some.append(st.builds(Loop, st.just(over), many(text, loops + kind, nest + 1), inside))
    if loops.endswith("r"):
        some.append(st.builds(Loop, st.just(Name(("tags",), depth)), many(text, loops + "s", nest + 1), inside))
    return st.one_of(some)


def many(text: st.SearchStrategy[Text], loops: str = "", nest: int = 0) -> st.SearchStrategy[tuple[Piece, ...]]:
    return st.lists(st.deferred(lambda: pieces(text, loops, nest)), max_size=3).map(joined)


def said(pieces: Sequence[Piece], stack: Sequence[Any] = (VARIABLES,), place: tuple[int, int] = (0, 0)) -> str:
    """What the pieces come to. `place`: the number of the item, and how many there are."""
    made = ""
    for piece in pieces:
        match piece:
            case Text(text):
                made += text
            case Value(of):
                made += _written(_found(of, stack, place))
            case Branch(test, then, otherwise):
                made += said(then if _holds(test, stack, place) else otherwise, stack, place)
            case Loop(over, inner, otherwise):
                items = _found(over, stack, place) or []
                for index, item in enumerate(items):
                    made += said(inner, [*stack, item], (index, len(items)))
                made += "" if items else said(otherwise, stack, place)
            case _:
                raise AssertionError(piece)
    return made


def _found(of: Name | Place, stack: Sequence[Any], place: tuple[int, int]) -> Any:
    if isinstance(of, Place):
        return {"index": place[0], "first": place[0] == 0, "last": place[0] == place[1] - 1}[of.word]
    value = stack[of.level]
    for part in of.parts:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _holds(test: Name | Place | Same, stack: Sequence[Any], place: tuple[int, int]) -> bool:
    if isinstance(test, Same):
        return bool(_found(test.left, stack, place) == test.right)
    return bool(_found(test, stack, place))


def _written(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def rendered(source: str, variables: dict[str, Any] | None = None, **partials: str) -> tuple[Message, ...]:
    """The messages of a body of a `.prompt` file."""
    file = f"---\nname: drawn\n---\n{source}\n"
    prompt = read(file, path="drawn.prompt", partials=partials.get)
    return prompt.render(VARIABLES if variables is None else variables)


def text_of(messages: Sequence[Message]) -> str:
    """Of one message that has nothing but text; empty if there is none."""
    assert len(messages) <= 1
    return "".join(part.text for message in messages for part in message.content if isinstance(part, TextPart))


def spoken(messages: Sequence[tuple[str, tuple[Piece, ...]]]) -> str:
    """The body of a file with these messages."""
    return body([piece for role, said in messages for piece in (Role(role), *said)])

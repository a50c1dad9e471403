"""The helpers of dotprompt, https://google.github.io/dotprompt/reference/template/, and `quote`.

`role`, `history`, `media` and `section` put marks between the texts, and are no values. A role that a variable names
may be the user's or the model's: who could name `system` could speak for the prompt's author.
"""

from collections.abc import Sequence

import msgspec

from gateway.prompts.dotprompt.messages import ROLES, HistoryMark, Media, MediaPart, PendingPart, RoleMark
from gateway.prompts.dotprompt.quoting import TAG, quoted
from gateway.prompts.handlebars.builtins import BUILTINS
from gateway.prompts.handlebars.nodes import Constant
from gateway.prompts.handlebars.running import Run
from gateway.prompts.handlebars.values import UNDEFINED, json_of, same, text_of
from gateway.prompts.handlebars.words import Condition, Function, Options, Values, Words, Writer
from gateway.stores.wording import nearest

MAX_INDENT = 10  # as JSON.stringify
_OF_VARIABLES = ("user", "model")
_CALLED_OTHERWISE = {"assistant": "model", "developer": "system", "human": "user", "ai": "model", "function": "tool"}


def _json(run: Run, values: Values, options: Options) -> str:
    text = json_of(values[0])
    indent = options.get("indent", 0)
    if indent:
        if type(indent) is not int or indent < 0:
            raise ValueError("`indent` is a number of spaces, such as 2")
        run.make(len(text))
        text = msgspec.json.format(text, indent=min(indent, MAX_INDENT))
    run.make(len(text))
    return text


def _quote(run: Run, values: Values, options: Options) -> str:
    value = values[0]
    kind = type(value)
    text = json_of(value) if kind is list or kind is tuple else text_of(value)
    text = quoted(text, options.get("tag", TAG))
    run.make(len(text))
    return text


def _role(run: Run, values: Values, options: Options, literal: bool) -> None:
    role = values[0]
    if role not in ROLES or not (literal or role in _OF_VARIABLES):
        shown = text_of(role)[:40]
        raise ValueError(f"a role that a variable names is `user` or `model`, and this is `{shown}`")
    run.mark(RoleMark(role, options or None))


def _no_role(values: Sequence[Constant | None]) -> str:
    (first,) = values
    if first is None or first.value in ROLES:
        return ""
    written = str(first.value)
    known = _CALLED_OTHERWISE.get(written)
    return f"`{written}` is no role" + (f"; write `{known}`" if known else nearest(written, list(ROLES)))


def _history(run: Run, _: Values, __: Options, ___: bool) -> None:
    run.mark(HistoryMark())


def _section(run: Run, values: Values, _: Options, __: bool) -> None:
    name = text_of(values[0])
    run.make(len(name))
    run.mark(PendingPart({"purpose": name, "pending": True}))


def _media(run: Run, _: Values, options: Options, __: bool) -> None:
    url, kind = options.get("url", UNDEFINED), options.get("contentType")
    if not isinstance(url, str) or not url.strip():
        raise ValueError("`url` is no URL; put {{#if …}} around it where there may be none")
    if kind is not None and kind is not UNDEFINED and not isinstance(kind, str):
        raise ValueError("`contentType` is a text such as image/png")
    run.mark(MediaPart(Media(url, kind if isinstance(kind, str) and kind else None)))


def _equal(run: Run, values: Values, _: Options) -> bool:
    one, other = values
    if isinstance(one, str) and isinstance(other, str) and len(one) == len(other):
        run.take(len(one) >> 12)  # letter by letter, if they are equal
    return same(one, other)


def _unequal(run: Run, values: Values, options: Options) -> bool:
    return not _equal(run, values, options)


WORDS: Words = {
    **BUILTINS,
    "json": Function(least=1, most=1, options=frozenset({"indent"}), example="{{json value indent=2}}", call=_json),
    "quote": Function(least=1, most=1, options=frozenset({"tag"}), example='{{quote value tag="email"}}', call=_quote),
    "role": Writer(least=1, most=1, options=None, example='{{role "user"}}', check=_no_role, call=_role),
    "history": Writer(example="{{history}}", call=_history),
    "section": Writer(least=1, most=1, example='{{section "name"}}', call=_section),
    "media": Writer(options=frozenset({"url", "contentType"}), example="{{media url=value}}", call=_media),
    "ifEquals": Condition(least=2, most=2, example="{{#ifEquals a b}}…{{/ifEquals}}", test=_equal),
    "unlessEquals": Condition(least=2, most=2, example="{{#unlessEquals a b}}…{{/unlessEquals}}", test=_unequal),
}

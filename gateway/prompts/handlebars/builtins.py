"""The helpers that Handlebars itself has (handlebarsjs.com/guide/builtin-helpers.html)."""

from gateway.prompts.handlebars.running import Run
from gateway.prompts.handlebars.values import is_false, member, text_of
from gateway.prompts.handlebars.words import Condition, Entering, Function, Options, Values, Words

_ZERO = frozenset({"includeZero"})


def _if(_: Run, values: Values, options: Options) -> bool:
    return not is_false(values[0], bool(options) and not is_false(options["includeZero"]))


def _unless(run: Run, values: Values, options: Options) -> bool:
    return not _if(run, values, options)


def _lookup(run: Run, values: Values, _: Options) -> object:
    key = values[1]
    if type(key) is not str:
        key = text_of(key)
        run.make(len(key))  # of a list, it is a text as long
    return member(values[0], key)


BUILTINS: Words = {
    "if": Condition(least=1, most=1, options=_ZERO, example="{{#if value}}…{{/if}}", test=_if),
    "unless": Condition(least=1, most=1, options=_ZERO, example="{{#unless value}}…{{/unless}}", test=_unless),
    "each": Entering(least=1, most=1, example="{{#each list}}…{{/each}}", loops=True),
    "with": Entering(least=1, most=1, example="{{#with value}}…{{/with}}", loops=False),
    "lookup": Function(least=2, most=2, example="{{lookup mapping key}}", call=_lookup),
}

"""A test with what `defaultTest` says of all: its own word counts where both say something; assertions and tags add
up, the default's first."""

from typing import Any

import msgspec

from gateway.compare.cases.document import CaseDocument, Options
from gateway.compare.grading.assertion import Assertion
from gateway.stores.jsonvalues import as_json


def merged(default: CaseDocument, test: CaseDocument) -> CaseDocument:
    """Both as one, with JSON's numbers."""
    options = Options(
        disable_var_expansion=default.options.disable_var_expansion or test.options.disable_var_expansion,
        disable_default_asserts=default.options.disable_default_asserts or test.options.disable_default_asserts,
    )
    inherited = () if options.disable_default_asserts else default.asserts
    output = default.provider_output if test.provider_output is msgspec.UNSET else test.provider_output
    return msgspec.structs.replace(
        test,
        vars=as_json({**default.vars, **test.vars}),
        messages=tuple(as_json(test.messages or default.messages)),
        tags=tuple(dict.fromkeys((*default.tags, *test.tags))),
        asserts=tuple(map(plain, (*inherited, *test.asserts))),
        threshold=default.threshold if test.threshold is None else test.threshold,
        repeat=test.repeat or default.repeat,
        metadata=as_json({**default.metadata, **test.metadata}),
        options=options,
        provider_output=_json_or_unset(output),
    )


def plain(one: Assertion) -> Assertion:
    """With JSON's numbers."""
    return msgspec.structs.replace(
        one, value=_json_or_unset(one.value), config=as_json(one.config), asserts=tuple(map(plain, one.asserts))
    )


def _json_or_unset(value: Any) -> Any:
    return value if value is msgspec.UNSET else as_json(value)

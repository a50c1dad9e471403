"""Declared values as JSON."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stores.jsonvalues import as_json, canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": Decimal("1.0")}, '{"a":1,"b":1}'),
        ([Decimal("0.5"), Decimal("1e2"), 1.25, -0.0], "[0.5,100,1.25,0]"),
        ({"é": "漢\n"}, '{"\\u00e9":"\\u6f22\\n"}'),
        (10**30, "1" + "0" * 30),
        (1e300, "1e+300"),
        ((1, True, None), "[1,true,null]"),
    ],
)
def test_one_text_for_all_that_is_equal(value: Any, text: str) -> None:
    assert canonical(value) == text.encode()


def test_what_json_has_not_is_refused() -> None:
    with pytest.raises(ValueError):
        canonical(float("nan"))


@given(VALUES)
def test_the_order_of_keys_does_not_matter_and_nothing_is_lost(value: Any) -> None:
    def turned(one: Any) -> Any:
        if isinstance(one, dict):
            return {key: turned(each) for key, each in reversed(one.items())}
        return [turned(each) for each in one] if isinstance(one, list) else one

    assert canonical(turned(value)) == canonical(value)
    assert msgspec.json.decode(canonical(value)) == value
    assert as_json(value) == value

"""Names of fields that some upstream takes for others are refused, however quickly it is seen that there are none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.faults import BadRequest
from gateway.dialects.openai.body import JUDGED, read_json

ASCII = st.text(st.characters(max_codepoint=127), max_size=3)
JUDGED_NAMES = st.sampled_from(sorted(JUDGED))
WRITTEN = st.sampled_from([str.lower, str.upper, str.title, str.swapcase, str.casefold, lambda name: name])
# `ſ` is folded to s, the Kelvin sign to k.
ODD = st.sampled_from(["", "ſtream", "toolſ", "\N{KELVIN SIGN}ey", "key", "Key", "ß", "ss", "1", "_", "N", "İ"])
NAMES = st.lists(st.builds(lambda name, change: change(name), JUDGED_NAMES, WRITTEN) | ODD | ASCII, max_size=5)


@given(NAMES)
def test_a_name_in_another_case_is_refused_and_no_other(names: list[str]) -> None:
    fields = dict.fromkeys(names, 0)
    folded = {name.casefold() for name in fields}
    alike = len(folded) < len(fields)
    miswritten = {name for name in JUDGED if name.casefold() in folded and name not in fields}
    body = json.dumps(fields).encode()
    if not alike and not miswritten:
        assert read_json(body).decoded() == fields
        return
    with pytest.raises(BadRequest) as refused:
        read_json(body)
    assert refused.value.param is None if alike else refused.value.param in miswritten

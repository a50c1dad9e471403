"""Where each value of a YAML text stands, to the character."""

import pytest

from gateway.stores.yamlspans import spans_of
from gateway.stores.yamltree import Path_

TEXT = """# é, and more
owner: me   # who
labels:
  production: 2   # stable
  staging:
    2: 90
    3: 10   # new
  "quoted": '3'
flow: {a: 1, b: [x, "y z"]}
list:
- one
-  {two: 2}   # last

end: |
  more
  lines
"""
PLACES: dict[Path_, str] = {
    ("owner",): "me",
    ("labels", "production"): "2",
    ("labels", "staging"): "2: 90\n    3: 10",
    ("labels", "staging", "3"): "10",
    ("labels", "quoted"): "'3'",
    ("flow",): '{a: 1, b: [x, "y z"]}',
    ("flow", "b"): '[x, "y z"]',
    ("flow", "b", 1): '"y z"',
    ("list",): "- one\n-  {two: 2}",
    ("list", 1, "two"): "2",
}


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_value_stands_where_it_stands(path: Path_, end: str) -> None:
    text = TEXT.replace("\n", end)
    span = spans_of(text)[path]
    assert text[span.start : span.end] == PLACES[path].replace("\n", end)
    assert span.flow == PLACES[path].startswith(("{", "["))
    assert span.column == span.start - text.rfind("\n", 0, span.start) - 1


def test_what_is_nothing_or_no_yaml() -> None:
    assert spans_of("# nothing\n") == {}
    with pytest.raises(ValueError, match="is not valid YAML"):
        spans_of("a: [")

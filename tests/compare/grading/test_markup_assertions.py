"""XML and HTML."""

import time
from typing import Any

import pytest

from gateway.compare.grading import Sample, look
from tests.compare.grading.making_checks import check, graded, wrong

BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>'


@pytest.mark.parametrize(
    ("required", "answer", "met"),
    [
        (None, "<root><child>Content</child></root>", True),
        (None, '<?xml version="1.0"?>\n<a b="c"/>', True),
        (None, "<root><child>Content</child></root", False),
        (None, "<a></b>", False),
        (None, "<a/><b/>", False),
        (None, "text <a/>", False),
        (None, "", False),
        (None, "<a>&nbsp;</a>", False),
        (None, "<a>&amp;é漢</a>", True),
        (None, BOMB, False),
        (None, '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', False),
        (None, "<a>" * 20_000 + "</a>" * 20_000, False),
        (None, "<a>\ud800</a>", False),
        (["analysis.classification", "analysis.color"], "<analysis><classification/><color>Red</color></analysis>", True),
        (["analysis.classification", "analysis.color"], "<analysis><classification>T</classification></analysis>", False),
        (["root.parent.child.grandchild"], "<root><parent><child/></parent></root>", False),
        (["root.a"], "<root><x><a/></x></root>", False),
    ],
)  # fmt: skip
def test_is_xml(required: list[str] | None, answer: str, met: bool) -> None:
    value: dict[str, Any] = {} if required is None else {"value": {"requiredElements": required}}
    assert graded(answer, type="is-xml", **value).met is met


@pytest.mark.parametrize(
    ("answer", "met"),
    [
        ("<!DOCTYPE html><html><head><title>x</title></head><body><p>a<p>b</body></html>", True),
        ("<div>Content</div>", True),
        ("<h1>Title</h1><p>Paragraph</p>", True),
        ("<h1>Title</h1>\n\n<p>Paragraph</p>\n", True),
        ('<img src="test.jpg" />', True),
        ("<ul><li>a<li>b</ul>", True),
        ("<my-element>x</my-element>", True),
        ("<!-- note --><p>x</p>", True),
        ("Just text", False),
        ("<HTML><Title>İstanbul, İzmir</TITLE><body><p>İİİ</p></body></HTML>", True),
        ("Text before <div>HTML</div> text after", False),
        ("<div>a</div> and <div>b</div>", False),
        ('<?xml version="1.0"?><root>x</root>', False),
        ("<div>Unclosed div", False),
        ("<div>Unclosed <b>b</div>", False),
        ("<div></span>", False),
        ("<root>x</root>", False),
        ("<!-- only a note -->", False),
        ("", False),
        ("<>", False),
        ("<div>" * 20_000 + "</div>" * 20_000, False),
    ],
)
def test_is_html(answer: str, met: bool) -> None:
    assert graded(answer, type="is-html").met is met


@pytest.mark.parametrize("piece", ["<!", "<!--", "<!-- -", "</", "<?", "<![", "<a ", '<a b="', "&", "<script>", "<a><"])
def test_markup_without_end_is_read_soon(piece: str) -> None:
    answer = Sample(text=f"<p>{piece * 60_000}>")
    began = time.process_time()
    for word in ("is-html", "is-xml"):
        assert look(check(type=word), answer).error == ""
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("assertion", "path"),
    [
        ({"type": "is-xml", "value": "root"}, ("value",)),
        ({"type": "is-xml", "value": {"required": ["a"]}}, ("value", "required")),
        ({"type": "is-xml", "value": {"requiredElements": []}}, ("value",)),
        ({"type": "is-html", "value": True}, ("value",)),
    ],
)
def test_what_cannot_be_meant_is_refused(assertion: dict[str, Any], path: tuple[str, ...]) -> None:
    assert wrong(**assertion)[0] == path

"""Results as JUnit XML, in the strict form that all readers take: Jenkins' schema `junit-10.xsd` (its plugin xunit),
GitLab's unit test reports and the actions for GitHub. Only attributes that the schema knows; a test case is told from
another by its class and its name, so both together stand once."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence

import msgspec

# What no XML 1.0 document may hold (https://www.w3.org/TR/xml/#charsets).
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Result(msgspec.Struct, frozen=True):
    """One test. `failure`: in a line what is wrong; empty if it passed. `details`: in full, with the file and line."""

    name: str
    failure: str = ""
    details: str = ""


class Suite(msgspec.Struct, frozen=True):
    """The tests of one file."""

    name: str
    results: Sequence[Result]


def junit(suites: Iterable[Suite], title: str) -> bytes:
    """The document, in UTF-8."""
    root = ET.Element("testsuites", name=title)
    total = failed = 0
    for suite in suites:
        failures = sum(bool(result.failure) for result in suite.results)
        total, failed = total + len(suite.results), failed + failures
        node = ET.SubElement(root, "testsuite", name=_xml(suite.name), tests=str(len(suite.results)))
        node.attrib.update(failures=str(failures), errors="0", skipped="0", time="0")
        for result in suite.results:
            case = ET.SubElement(node, "testcase", classname=_xml(suite.name), name=_xml(result.name), time="0")
            if result.failure:
                failure = ET.SubElement(case, "failure", type="policy", message=_xml(result.failure))
                failure.text = _xml(result.details)
    root.attrib.update(tests=str(total), failures=str(failed), errors="0")
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)

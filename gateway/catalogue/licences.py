"""Licence expressions: what a card's `licence` comes to. SPDX's grammar and list of licences are the library's; what
one may do with a licence, in four words, is the table here.

AND binds to all its licences, so the strictest counts; OR lets one choose, so the laxest does; an exception (WITH)
only ever adds to its licence's permissions, so the licence itself counts.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, get_args

import msgspec

from gateway.catalogue.cards import Licence
from gateway.core.model import LicenceClass
from gateway.stores.wording import nearest

# Longer ones exist nowhere, and the library's parser recurses.
MAX_EXPRESSION = 1000
STRICTNESS: tuple[LicenceClass, ...] = get_args(LicenceClass)

# SPDX ids. A licence that is not here needs a `class` on the card: a wrong guess would be worse than a question.
_CLASSES: dict[LicenceClass, str] = {
    "open": """
        0BSD AFL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0 Artistic-2.0 BlueOak-1.0.0 BSD-1-Clause
        BSD-2-Clause BSD-2-Clause-Patent BSD-3-Clause BSD-3-Clause-Clear BSD-3-Clause-LBNL BSD-4-Clause BSL-1.0
        CC0-1.0 CC-BY-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-1.0 CC-BY-SA-2.0 CC-BY-SA-2.5 CC-BY-SA-3.0
        CC-BY-SA-4.0 CDDL-1.0 CDDL-1.1 CDLA-Permissive-1.0 CDLA-Permissive-2.0 CDLA-Sharing-1.0 CECILL-2.1 CECILL-B
        CECILL-C CPL-1.0 DL-DE-BY-2.0 ECL-2.0 EPL-1.0 EPL-2.0 etalab-2.0 EUPL-1.1 EUPL-1.2 GFDL-1.3-only
        GFDL-1.3-or-later GPL-1.0-only GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later HPND ISC
        LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later LGPLLR LPPL-1.3c
        MIT MIT-0 MPL-1.1 MPL-2.0 MS-PL MS-RL MulanPSL-2.0 NCSA NLOD-2.0 ODbL-1.0
        ODC-By-1.0 OFL-1.1 OGL-UK-3.0 OSL-3.0 PDDL-1.0 PostgreSQL PSF-2.0 Python-2.0 Unicode-3.0 Unlicense UPL-1.0 W3C
        WTFPL X11 Zlib ZPL-2.1
    """,
    "open-weights-restricted": """
        C-UDA-1.0 CC-BY-ND-1.0 CC-BY-ND-2.0 CC-BY-ND-2.5 CC-BY-ND-3.0 CC-BY-ND-4.0 Elastic-2.0 Hippocratic-2.1 JSON
        SSPL-1.0
    """,
    "commercial-terms": "BUSL-1.1 FSL-1.1-ALv2 FSL-1.1-MIT PolyForm-Small-Business-1.0.0",
    "non-commercial": """
        CC-BY-NC-1.0 CC-BY-NC-2.0 CC-BY-NC-2.5 CC-BY-NC-3.0 CC-BY-NC-3.0-DE CC-BY-NC-4.0
        CC-BY-NC-ND-1.0 CC-BY-NC-ND-2.0 CC-BY-NC-ND-2.5 CC-BY-NC-ND-3.0 CC-BY-NC-ND-3.0-DE CC-BY-NC-ND-3.0-IGO
        CC-BY-NC-ND-4.0 CC-BY-NC-SA-1.0 CC-BY-NC-SA-2.0 CC-BY-NC-SA-2.0-DE CC-BY-NC-SA-2.0-FR CC-BY-NC-SA-2.0-UK
        CC-BY-NC-SA-2.5 CC-BY-NC-SA-3.0 CC-BY-NC-SA-3.0-DE CC-BY-NC-SA-3.0-IGO CC-BY-NC-SA-4.0
        PolyForm-Noncommercial-1.0.0
    """,
}
CLASS_OF: Mapping[str, LicenceClass] = {word: kind for kind, words in _CLASSES.items() for word in words.split()}
# What some texts (`()`) trip the library's parser into.
_TRIPPED = (IndexError, TypeError, AttributeError, RecursionError)
_REFERENCE = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a licence comes to. `expression`: in SPDX's own spelling; `url`: its text, where the card names it."""

    expression: str
    licence_class: LicenceClass
    url: str = ""


def strictest(classes: Sequence[LicenceClass]) -> LicenceClass:
    """The one that allows least. At least one is needed."""
    return max(classes, key=STRICTNESS.index)


def parse_licence(licence: Licence) -> Terms:
    """The terms that a card's licence states.

    Raises:
        ValueError: no SPDX expression, an unknown licence (with the nearest known one), a `class` or `url` that is
            needed and missing, or a `class` that promises more than the licence gives.
    """
    tree, expression = _parsed(licence.expression)
    words = sorted({word for word in _licences(tree) if word not in CLASS_OF})
    references = [word for word in words if _REFERENCE.fullmatch(word)]
    given = licence.class_
    if given is None and words:
        raise ValueError(f"what `{words[0]}` allows is not known here; say so with `class` ({', '.join(STRICTNESS)})")
    if references and not licence.url:
        raise ValueError(f"`{references[0]}` is no licence of SPDX's; say where its text is with `url`")
    # What is not known may turn out as lax as can be, so it does not hold the given class to anything.
    least = _class_of(tree)
    if given is not None and STRICTNESS.index(given) < STRICTNESS.index(least):
        raise ValueError(f"`class: {given}` promises more than `{expression}` gives, which is {least}")
    return Terms(expression=expression, licence_class=given or least, url=licence.url)


def known_licence(word: str) -> str:
    """SPDX's spelling of a licence id written in any case; empty if there is none such."""
    try:
        tree, text = _parsed(word)
    except ValueError:
        return ""
    return text if tree.isliteral and text in _licensing().known_symbols else ""


@lru_cache(maxsize=1)
def _licensing() -> Any:
    """SPDX's list alone. The library's own also takes LicenseRefs for other names of licences (`LicenseRef-Apache`):
    but what such a reference means is for the document that holds it to say."""
    import license_expression

    def own(words: Sequence[str]) -> list[str]:
        return [word for word in words if not word.startswith("LicenseRef-")]

    library: Any = license_expression  # its functions have no types
    return library.load_licensing_from_license_index(
        {
            "key": entry["spdx_license_key"],
            "aliases": own(entry["other_spdx_license_keys"]),
            "is_deprecated": entry["is_deprecated"],
            "is_exception": entry["is_exception"],
        }
        for entry in library.get_license_index()
        if own([entry.get("spdx_license_key") or "LicenseRef-"])
    )


@lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[Any, str]:
    """The expression's tree, its licences checked, and its text in SPDX's spelling."""
    import license_expression

    if len(text) > MAX_EXPRESSION:
        raise ValueError(f"a licence expression of more than {MAX_EXPRESSION} characters")
    try:
        tree: Any = _licensing().parse(text)
    except (license_expression.ExpressionError, license_expression.ParseError) as error:
        said = " ".join(str(error).split())
        raise ValueError(f"`{text}` is no SPDX licence expression: {said[:200]}") from None
    except _TRIPPED:
        raise ValueError(f"`{text}` is no SPDX licence expression") from None
    if tree is None:
        raise ValueError("an empty licence expression")
    _check(tree)
    return tree, str(tree.render())


def _check(node: Any) -> None:
    """Every licence is one of SPDX's or a LicenseRef, every exception one of SPDX's, each in its place."""
    if node.isliteral and not hasattr(node, "license_symbol"):
        _check_symbol(str(node.key), exception=False)
    elif node.isliteral:
        _check_symbol(str(node.license_symbol.key), exception=False)
        _check_symbol(str(node.exception_symbol.key), exception=True)
    for part in node.args:
        _check(part)


def _check_symbol(word: str, exception: bool) -> None:
    known = _licensing().known_symbols
    if not exception and _REFERENCE.fullmatch(word):
        return
    if word not in known:
        words = [name for name, symbol in known.items() if symbol.is_exception == exception]
        hint = nearest(word, words) if len(word) < 100 else ""
        if not hint.startswith("; did"):  # hundreds of words help nobody
            hint = "; SPDX's are at https://spdx.org/licenses, and for all others there is `LicenseRef-…`"
        raise ValueError(f"`{word[:100]}` is no SPDX licence{' exception' * exception}{hint}")
    if exception and not known[word].is_exception:
        raise ValueError(f"`{word}` is a licence, not an exception to one")
    if not exception and known[word].is_exception:
        raise ValueError(f"`{word}` is an exception; write its licence before it: `… WITH {word}`")


def _licences(node: Any) -> list[str]:
    if node.isliteral:
        return [str(getattr(node, "license_symbol", node).key)]
    return [word for part in node.args for word in _licences(part)]


def _class_of(node: Any) -> LicenceClass:
    if node.isliteral:
        return CLASS_OF.get(_licences(node)[0], "open")
    parts: list[LicenceClass] = [_class_of(part) for part in node.args]
    return strictest(parts) if node.operator.strip() == "AND" else min(parts, key=STRICTNESS.index)

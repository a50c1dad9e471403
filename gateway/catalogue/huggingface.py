"""Hugging Face's words for licences as SPDX's. Its ids look like SPDX's in lower case, and are not: families without a
version, licences of models that SPDX does not list, and look-alikes (`bsl-1.0` is Boost, not the Business Source one).
Source: the Hub's documentation, "Licenses" (docs/hub/repositories-licenses.md).
"""

import re
from collections.abc import Mapping

from gateway.catalogue.licences import known_licence
from gateway.core.model import LicenceClass

# What Hugging Face writes in other words than SPDX: families of which there is only the one version.
_RENAMED: Mapping[str, str] = {
    "c-uda": "C-UDA-1.0",
    "lgpl-lr": "LGPLLR",
    "odbl": "ODbL-1.0",
    "odc-by": "ODC-By-1.0",
    "pddl": "PDDL-1.0",
}
_LICENSES = "https://www.llama.com"
# What SPDX does not list: the class, and where the text is, where that is one place.
_MODEL_LICENCES: Mapping[str, tuple[LicenceClass, str]] = {
    "apple-amlr": ("non-commercial", ""),
    "apple-ascl": ("open-weights-restricted", ""),
    "bigcode-openrail-m": (
        "open-weights-restricted",
        "https://huggingface.co/spaces/bigcode/bigcode-model-license-agreement",
    ),
    "bigscience-bloom-rail-1.0": ("open-weights-restricted", "https://huggingface.co/spaces/bigscience/license"),
    "bigscience-openrail-m": ("open-weights-restricted", ""),
    "creativeml-openrail-m": (
        "open-weights-restricted",
        "https://huggingface.co/spaces/CompVis/stable-diffusion-license",
    ),
    "deepfloyd-if-license": ("non-commercial", "https://huggingface.co/spaces/DeepFloyd/deepfloyd-if-license"),
    "fair-noncommercial-research-license": ("non-commercial", ""),
    "gemma": ("open-weights-restricted", "https://ai.google.dev/gemma/terms"),
    "grok2-community": ("open-weights-restricted", ""),
    "h-research": ("non-commercial", ""),
    "intel-research": ("non-commercial", ""),
    "llama2": ("open-weights-restricted", "https://ai.meta.com/llama/license/"),
    "llama3": ("open-weights-restricted", f"{_LICENSES}/llama3/license/"),
    "llama3.1": ("open-weights-restricted", f"{_LICENSES}/llama3_1/license/"),
    "llama3.2": ("open-weights-restricted", f"{_LICENSES}/llama3_2/license/"),
    "llama3.3": ("open-weights-restricted", f"{_LICENSES}/llama3_3/license/"),
    "llama4": ("open-weights-restricted", f"{_LICENSES}/llama4/license/"),
    "openmdw-1.0": ("open", ""),
    "openmdw-1.1": ("open", ""),
    "openrail++": ("open-weights-restricted", ""),
}
# Families of several versions (which one is not said), and what says nothing at all. SPDX knows none of these words,
# so the list only guards against the day on which it does.
_NOTHING_SAID = frozenset({"bsd", "cc", "gfdl", "gpl", "lgpl", "openrail", "other", "unknown"})


def spdx_from_huggingface(licence: object, licence_link: str = "") -> tuple[str, LicenceClass | None, str]:
    """`license` and `license_link` of a model's README as an SPDX expression, a class and a URL.

    `license_name` is a title for people and decides nothing, so it is not asked for. An empty expression: not known.
    The class is None where SPDX's licence says it. The URL is the link if that is one, or where the licence is known to
    stand.
    """
    url = licence_link if re.match(r"https?://", licence_link) else ""
    if not isinstance(licence, str):  # a list does not say whether one may choose or must keep to all
        return "", None, url
    word = licence.strip().lower()
    if word in _MODEL_LICENCES:
        licence_class, home = _MODEL_LICENCES[word]
        return reference(word), licence_class, url or home
    if word in _NOTHING_SAID:
        return "", None, url
    return known_licence(_RENAMED.get(word, word)), None, url


def reference(words: str) -> str:
    """A LicenseRef for a licence's name: what SPDX allows in one is letters, digits, `.` and `-`. Empty for no name."""
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", words.replace("+", "-plus")).strip("-.")
    return f"LicenseRef-{slug}" if slug else ""

"""The catalogue as a bill of materials: CycloneDX 1.6 with a machine-learning-model component per card.

Source: https://cyclonedx.org/docs/1.6/json/. The library has no model cards yet, so `modelCard` is written here, and
the whole is checked against the library's schema in the tests. The same cards give the same bytes.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import msgspec

from gateway import __version__
from gateway.catalogue.cards import Ancestor, Card, Evaluation, Licence
from gateway.catalogue.licences import parse_licence
from gateway.catalogue.lineage import Inherited
from gateway.catalogue.loading import life_of
from gateway.core.extras import installing

_HUB = re.compile(r"hf://(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)")
_HUB_URL = "https://huggingface.co/"


class BomError(Exception):
    """The bill of materials cannot be made; the message says what to do."""


def bom(cards: Mapping[str, Card], inheritance: Mapping[str, Inherited], at: datetime) -> str:
    """CycloneDX JSON of the cards, as things stand at a moment, which is also the document's timestamp.

    Raises:
        BomError: the library that writes it is not installed.
        ValueError: a licence or a day on a card that is none; cards that were loaded have neither.
    """
    cyclonedx = _library()
    made = cyclonedx.bom.Bom(serial_number=_serial(cards))
    made.metadata.timestamp = at
    kind = cyclonedx.component.ComponentType.APPLICATION
    made.metadata.tools.components.add(
        cyclonedx.component.Component(name="llm-gateway", version=__version__, type=kind, bom_ref="llm-gateway")
    )
    components = {name: _component(cyclonedx, cards[name], inheritance[name], at) for name in sorted(cards)}
    made.components.update(components.values())
    for name, component in components.items():
        elders = {ancestor.card for ancestor in cards[name].lineage.base_models if ancestor.card}
        made.register_dependency(component, [components[elder] for elder in sorted(elders)])
    written: dict[str, Any] = json.loads(cyclonedx.written(made).output_as_string())
    for entry in written.get("components", ()):
        if described := _model_card(cards[entry["name"]], inheritance[entry["name"]]):
            entry["modelCard"] = described
    return json.dumps(written, indent=2, ensure_ascii=False) + "\n"


def _library() -> Any:
    """What is used of the library, without types: its decorators lose them."""
    try:
        from cyclonedx import model
        from cyclonedx.model import bom, component, contact
        from cyclonedx.model import license as licences
        from cyclonedx.output.json import JsonV1Dot6
    except ImportError:
        raise BomError(f"a bill of materials needs the extra `bom`: {installing('bom')}") from None
    return SimpleNamespace(
        model=model, bom=bom, component=component, contact=contact, license=licences, written=JsonV1Dot6
    )


def _serial(cards: Mapping[str, Card]) -> uuid.UUID:
    """One catalogue, one number."""
    content = msgspec.json.encode([cards[name] for name in sorted(cards)], order="deterministic")
    return uuid.uuid5(uuid.NAMESPACE_OID, hashlib.sha256(content).hexdigest())


def _component(cyclonedx: Any, card: Card, inherited: Inherited, at: datetime) -> Any:
    model, component, kinds = cyclonedx.model, cyclonedx.component, cyclonedx.component.ComponentType
    ref = f"model:{card.name}"

    def hashed(sha256: str) -> list[Any]:
        return [model.HashType(alg=model.HashAlgorithm.SHA_256, content=sha256)]

    files = [
        component.Component(
            name=file.path,
            type=kinds.FILE,
            bom_ref=f"{ref}:file:{file.path}",
            hashes=hashed(file.sha256),
            properties=[] if file.bytes is None else [model.Property(name="gateway:bytes", value=str(file.bytes))],
        )
        for file in {file.path: file for file in card.provenance.files}.values()
    ]
    ancestors = [
        _ancestor(cyclonedx, one, f"{ref}:ancestor:{index}") for index, one in enumerate(card.lineage.base_models)
    ]
    only = card.provenance.files[0].sha256 if len(card.provenance.files) == 1 else ""
    return component.Component(
        name=card.name,
        type=kinds.MACHINE_LEARNING_MODEL,
        bom_ref=ref,
        version=card.provenance.revision or None,
        description=card.title or None,
        publisher=card.publisher or None,
        supplier=cyclonedx.contact.OrganizationalEntity(name=card.publisher) if card.publisher else None,
        purl=_purl(card.provenance.source, card.provenance.revision),
        licenses=_licences(cyclonedx, card.licence),
        hashes=hashed(only) if only else [],
        components=files,
        pedigree=component.Pedigree(ancestors=ancestors) if ancestors else None,
        external_references=_references(model, card),
        properties=[
            model.Property(name=f"gateway:{name}", value=value) for name, value in _properties(card, inherited, at)
        ],
    )


def _ancestor(cyclonedx: Any, ancestor: Ancestor, ref: str) -> Any:
    return cyclonedx.component.Component(
        name=ancestor.card or ancestor.source,
        type=cyclonedx.component.ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=ref,
        purl=_purl(ancestor.source, ""),
        licenses=_licences(cyclonedx, ancestor.licence),
        properties=[cyclonedx.model.Property(name="gateway:relation", value=ancestor.relation)],
    )


def _licences(cyclonedx: Any, licence: Licence | None) -> list[Any]:
    if licence is None:
        return []
    declared = cyclonedx.license.LicenseAcknowledgement.DECLARED
    return [cyclonedx.license.LicenseExpression(parse_licence(licence).expression, acknowledgement=declared)]


def _references(model: Any, card: Card) -> list[Any]:
    kinds = model.ExternalReferenceType
    urls = {
        kinds.DISTRIBUTION: _url(card.provenance.source),
        kinds.LICENSE: _url(card.licence.url if card.licence else ""),
        kinds.DOCUMENTATION: _url(card.lineage.training_summary),
    }
    return [model.ExternalReference(type=kind, url=model.XsUri(url)) for kind, url in urls.items() if url]


def _purl(source: str, revision: str) -> Any:
    """`pkg:huggingface/owner/name@commit`, for what comes from there."""
    from packageurl import PackageURL

    found = _HUB.fullmatch(source)
    return found and PackageURL("huggingface", found["owner"], found["name"], revision or None)


def _url(source: str) -> str:
    return quote(
        source.replace("hf://", _HUB_URL, 1) if source.startswith("hf://") else source, safe=":/?#[]@!$&'()*+,;=%"
    )


def _properties(card: Card, inherited: Inherited, at: datetime) -> Iterator[tuple[str, str]]:
    """What CycloneDX has no word for."""
    yield "status", life_of(card).status(at.timestamp())
    yield "licence-class", inherited.licence_class or "unknown"
    if inherited.through:
        yield "licence-class-through", " → ".join(inherited.through)
    if card.risk:
        yield "risk", card.risk
    for target in card.targets:
        yield "target", target.target
        yield "hosting", target.hosting
        if target.region:
            yield "region", target.region
    for restriction in inherited.restrictions:
        yield "restriction", f"{restriction.text} ({restriction.of})"


def _model_card(card: Card, inherited: Inherited) -> dict[str, Any]:
    """CycloneDX's `modelCard`, without what is not known."""
    inputs, outputs = card.modalities.input, card.modalities.output
    parameters: dict[str, Any] = {
        "task": f"{'-'.join(inputs)}-to-{'-'.join(outputs)}" if inputs and outputs else "",
        "datasets": [_dataset(name) for name in card.lineage.datasets],
        "inputs": [{"format": word} for word in inputs],
        "outputs": [{"format": word} for word in outputs],
    }
    considerations = {
        "useCases": list(card.use.intended),
        "technicalLimitations": list(card.use.out_of_scope),
        "ethicalConsiderations": [{"name": restriction.text} for restriction in inherited.restrictions],
    }
    described = {
        "modelParameters": _known(parameters),
        "quantitativeAnalysis": _known({"performanceMetrics": [_metric(one) for one in card.evaluations]}),
        "considerations": _known(considerations),
    }
    return _known(described)


def _known(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if value}


def _dataset(name: str) -> dict[str, Any]:
    located = {"contents": {"url": _url(name)}} if "://" in name else {}
    return {"type": "dataset", "name": name, **located}


def _metric(evaluation: Evaluation) -> dict[str, Any]:
    return {"type": evaluation.metric, "value": f"{evaluation.value:f}", "slice": evaluation.dataset}

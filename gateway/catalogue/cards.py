"""policies/models/*.yaml: the shape of a card. One file describes one model, on every target it may be used at."""

from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from gateway.core.days import Moment
from gateway.core.model import Hosting, LicenceClass, Risk

Name = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$", description="a name callers may use")
]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$", description="SHA-256 in lower-case hex")]


class DataHandling(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the one who runs the model does with what is sent. What is left out is not known.

    Attributes:
        retention_days: how long requests are kept; 0 for not at all.
        trains_on_inputs: whether models are trained on them.
        residency: where they may be kept: regions or countries.
    """

    retention_days: Annotated[int, msgspec.Meta(ge=0)] | None = None
    trains_on_inputs: bool | None = None
    residency: tuple[str, ...] = ()


class CardTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One place where the model may be used.

    Attributes:
        target: `provider/model`: a provider of config.yaml, and what it calls the model. No wildcards.
        hosting: `hosted` by somebody else, or `self-served` on machines of our own.
        region: where it computes, in the provider's words (`eu-west-1`, `us`, `global`).
    """

    target: str
    hosting: Hosting = "hosted"
    region: str = ""
    data: DataHandling = DataHandling()


class Context(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Tokens: of the whole context window, and of the longest answer."""

    tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None


Modality = Literal["text", "image", "audio", "video", "document", "embedding"]


class Modalities(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    input: tuple[Modality, ...] = ()
    output: tuple[Modality, ...] = ()


class Reviewed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who read the licence, and on which day."""

    by: str
    on: Moment


class Licence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    expression: an SPDX licence expression; what SPDX does not know is a `LicenseRef-…` with `class` and `url`.
    class: needed for a LicenseRef, and where the SPDX licence says nothing about it.
    url: its text.
    """

    expression: str
    class_: LicenceClass | None = msgspec.field(default=None, name="class")
    url: str = ""
    reviewed: Reviewed | None = None


class Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the model is for, what it is not for, and what its licence or its maker forbids."""

    intended: tuple[str, ...] = ()
    out_of_scope: tuple[str, ...] = ()
    restrictions: tuple[str, ...] = ()


class WeightsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of the model.

    Attributes:
        path: relative to the model's folder.
        executes_code: that loading it runs code (a pickle) has been looked at and is accepted, for these very bytes.
    """

    path: str
    sha256: Sha256
    bytes: Annotated[int, msgspec.Meta(ge=0)] | None = None
    executes_code: bool = False


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An OpenSSF model signature (https://model-signing.org), a bundle beside the files.

    Attributes:
        method: `key` (with `public_key`, a PEM file), `certificate` (with `certificates`, PEM files of the chain), or
            `sigstore` (with `identity` and `issuer`).
        bundle: path of the bundle, relative to the model's folder.
    """

    method: Literal["key", "certificate", "sigstore"]
    bundle: str = "model.sig"
    public_key: str = ""
    certificates: tuple[str, ...] = ()
    identity: str = ""
    issuer: str = ""


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the weights come from.

    Attributes:
        source: URI of the model (`hf://owner/name`, `https://…`).
        revision: what names this very version for ever (a commit, a dated name).
        files: the files and their digests; what is served on our own machines must be among them.
    """

    source: str = ""
    revision: str = ""
    files: tuple[WeightsFile, ...] = ()
    signature: Signature | None = None


class Ancestor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the model was made from: a card of this catalogue by its name, or a model without a card here, by its
    source, with the licence that its derivatives inherit."""

    relation: Literal["finetune", "adapter", "merge", "quantized", "distilled"]
    card: str = ""
    source: str = ""
    licence: Licence | None = None


class Lineage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attributes:
    base_models: what it was made from. datasets: names or URIs of what it was trained on.
    training_cutoff: the last day, month or year its training data tell of. training_summary: URL of the provider's
        public summary of training content.
    """

    base_models: tuple[Ancestor, ...] = ()
    datasets: tuple[str, ...] = ()
    training_cutoff: Annotated[str, msgspec.Meta(pattern=r"^\d{4}(-\d\d(-\d\d)?)?$")] = ""
    training_summary: str = ""


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One result. `source`: who measured it, or where it is published."""

    dataset: str
    metric: str
    value: Decimal
    source: str = ""
    on: Moment | None = None


class Approved(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """By whom, from which day, and through which day (inclusive; left out: until somebody says otherwise).

    Attributes:
        despite: facts that the card does not tell, and that the approval was given without; `gateway check` warns of
            all others. Policies still take them for not known.
    """

    by: str
    on: Moment
    until: Moment | None = None
    despite: tuple[str, ...] = ()


class Deprecated(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From which day, what to use instead (a name of the catalogue), and the day from which it is refused."""

    on: Moment
    successor: str = ""
    sunset: Moment | None = None


class Revoked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    on: Moment
    reason: str


class LifeEvents(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """draft → approved → deprecated → revoked: what has happened says which it is; nothing yet is a draft."""

    approved: Approved | None = None
    deprecated: Deprecated | None = None
    revoked: Revoked | None = None


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model card.

    Attributes:
        name, aliases: what callers may ask for. title: for people.
        publisher: who made the model (`anthropic`, `meta-llama`).
        targets: where it may be used, best first.
        tools: whether the model calls tools; left out: not known.
        risk: the organisation's own assessment.
        notes: anything else a reviewer should know.
    """

    name: Name
    aliases: tuple[Name, ...] = ()
    title: str = ""
    publisher: str = ""
    targets: tuple[CardTarget, ...] = ()
    context: Context = Context()
    modalities: Modalities = Modalities()
    tools: bool | None = None
    licence: Licence | None = None
    use: Use = Use()
    provenance: Provenance = Provenance()
    lineage: Lineage = Lineage()
    evaluations: tuple[Evaluation, ...] = ()
    risk: Risk | None = None
    notes: str = ""
    life: LifeEvents = LifeEvents()

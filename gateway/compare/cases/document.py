"""The shape of cases.yaml: promptfoo's, as far as it says what to ask and what to expect, and a few keys of our own."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from gateway.compare.grading.assertion import Assertion
from gateway.core.days import Moment

Human = Literal["pass", "fail"] | Annotated[float, msgspec.Meta(ge=0, le=1)]
Repeat = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
More = Annotated[float, msgspec.Meta(ge=0, le=100)]
Threshold = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """How a test is read.

    Attributes:
        disableVarExpansion: a variable that is a list of texts stays a list, instead of one case for each of them.
        disableDefaultAsserts: the test has its own assertions alone.
    """

    disable_var_expansion: bool = False
    disable_default_asserts: bool = False


class CaseDocument(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    rename={"asserts": "assert", "provider_output": "providerOutput"},
):
    """One test. Of a variable that is a list of texts, one case is made for each.

    Attributes:
        description: what it is about.
        vars: the prompt's variables.
        messages: a whole conversation instead, as chat requests have it.
        tags: for choosing some of the tests.
        assert: what the answer must be.
        threshold: the score from which it passes, whichever assertions fail; without one all must pass.
        repeat: how often it is asked.
        metadata: for the reader; `severity: never-break`: it must pass each time; `source`: cases of one source (a
            document, a conversation) are alike, and are counted as one group.
        human: what a human says of the answer in `providerOutput`: pass, fail or a score.
        providerOutput: an answer to grade instead of asking for one.
    """

    description: str = ""
    vars: dict[str, Any] = {}
    messages: tuple[dict[str, Any], ...] = ()
    tags: tuple[str, ...] = ()
    asserts: tuple[Assertion, ...] = ()
    threshold: Threshold | None = None
    repeat: Repeat | None = None
    metadata: dict[str, Any] = {}
    options: Options = Options()
    human: Human | None = None
    provider_output: Any = msgspec.UNSET


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far a judge was found to agree with people, elsewhere than by the labels of this file.

    Attributes:
        kappa: Cohen's, of its grades with people's labels.
        labels: how many of them.
        until: the day or moment from which that says nothing more.
    """

    kappa: Annotated[float, msgspec.Meta(ge=-1, le=1)]
    labels: Annotated[int, msgspec.Meta(ge=1)]
    until: Moment | None = None


class JudgeDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A model that grades.

    Attributes:
        model: as callers of the gateway name it.
        prompt: its own words, with `{{output}}` where the answer goes, and `{{input}}`, `{{rubric}}`, `{{reference}}`;
            of select-best `{{first}}` and `{{second}}`.
        params: further parameters of its requests, such as `seed` or `max_tokens`; the temperature is 0.
        calibrated: what was measured of it before; without that, and without labels, its grades are advice.
    """

    model: str
    prompt: str = ""
    params: dict[str, Any] = {}
    calibrated: Calibration | None = None


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """By how much more than the other's one's median may be, as a share: 0.1 is a tenth more; left out: by any."""

    cost: More | None = None
    input_tokens: More | None = None
    output_tokens: More | None = None
    latency: More | None = None
    ttft: More | None = None


class SuiteFile(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"default_test": "defaultTest"}
):
    """Tests of a prompt, or of models.

    Attributes:
        defaultTest: what every test has that does not say otherwise; its assertions come first.
        metric: what versions are compared by: the share of cases that `pass`, or the mean `score`.
        margin: by how much of that one may be worse than the other, and still count as no worse.
        limits: by how much more than the other's one's medians may be.
        judges: NAME → who grades.
        rubrics: NAME → what to grade by.
        cost_ceiling: the most that running all of it may cost, in the price book's currency.
    """

    description: str = ""
    default_test: CaseDocument = CaseDocument()
    tests: tuple[CaseDocument, ...]
    metric: Literal["pass", "score"] = "pass"
    margin: Annotated[float, msgspec.Meta(ge=0, lt=1)] | None = None
    limits: Limits = Limits()
    judges: dict[str, JudgeDocument] = {}
    rubrics: dict[str, str] = {}
    cost_ceiling: Decimal | None = None

"""The shapes of OpenAI's graders (types `StringCheckGrader` … of its API), with evals' `pass_threshold`."""

from typing import Annotated, Any, Literal

import msgspec

Metric = Literal[
    "cosine", "fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l"
]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class StringCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="string_check"):
    name: Name
    input: str
    reference: str
    operation: Literal["eq", "ne", "like", "ilike"]


class TextSimilarity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="text_similarity"):
    name: Name
    input: str
    reference: str
    evaluation_metric: Metric
    pass_threshold: float | None = None


class InputMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`content`: a text, a part with a `text`, or a list of such; pictures and sound are refused."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Any
    type: Literal["message"] | None = None


class LabelModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="label_model"):
    name: Name
    model: str
    input: tuple[InputMessage, ...]
    labels: tuple[str, ...]
    passing_labels: tuple[str, ...]


class SamplingParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`temperature` and `top_p` are read and not used: grades must compare."""

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    reasoning_effort: str | None = None
    max_completions_tokens: int | None = None


class ScoreModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="score_model"):
    name: Name
    model: str
    input: tuple[InputMessage, ...]
    range: tuple[float, float] | None = None
    sampling_params: SamplingParams | None = None
    pass_threshold: float | None = None


class Python(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="python"):
    name: Name
    source: str
    image_tag: str | None = None
    pass_threshold: float | None = None


Single = StringCheck | TextSimilarity | LabelModel | ScoreModel | Python


class Multi(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="multi"):
    """`graders`: by the names that the formula knows them by; one alone, by its own name."""

    name: Name
    graders: dict[str, Single]
    calculate_output: str
    pass_threshold: float | None = None


AnyGrader = StringCheck | TextSimilarity | LabelModel | ScoreModel | Python | Multi

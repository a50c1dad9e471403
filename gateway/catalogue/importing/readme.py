"""A Hugging Face model card: the front matter of README.md, and results under `.eval_results/`.

Fields: https://github.com/huggingface/hub-docs/blob/main/modelcard.md and docs/hub/eval-results.md.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from gateway.catalogue.importing.facts import Facts, clean, number, put_licence, texts
from gateway.stores.foreign import front_matter, read_foreign

# pipeline_tag → what goes in and what comes out.
_PIPELINES: Mapping[str, tuple[str, str]] = {
    "audio-text-to-text": ("audio text", "text"),
    "automatic-speech-recognition": ("audio", "text"),
    "conversational": ("text", "text"),
    "document-question-answering": ("document text", "text"),
    "feature-extraction": ("text", "embedding"),
    "image-feature-extraction": ("image", "embedding"),
    "image-text-to-image": ("image text", "image"),
    "image-text-to-text": ("image text", "text"),
    "image-to-image": ("image", "image"),
    "image-to-text": ("image", "text"),
    "image-to-video": ("image", "video"),
    "question-answering": ("text", "text"),
    "sentence-similarity": ("text", "embedding"),
    "summarization": ("text", "text"),
    "text-generation": ("text", "text"),
    "text-to-audio": ("text", "audio"),
    "text-to-image": ("text", "image"),
    "text-to-speech": ("text", "audio"),
    "text-to-video": ("text", "video"),
    "text2text-generation": ("text", "text"),
    "translation": ("text", "text"),
    "video-text-to-text": ("video text", "text"),
    "visual-question-answering": ("image text", "text"),
}
_DATED = re.compile(r"\d{4}-\d\d-\d\d")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def read_readme(facts: Facts, text: bytes, home: str) -> None:
    """Take over what the front matter says. `home`: URL that links within the folder are relative to, or empty."""
    try:
        matter = front_matter(text)
    except ValueError as error:
        facts.remark("name", f"the front matter of README.md {error}")
        return
    link = clean(matter.get("license_link"))
    if link and home and "://" not in link:
        link = f"{home}/{link.removeprefix('./')}"
    put_licence(facts, matter.get("license"), link, "README.md", clean(matter.get("license_name")))
    for dataset in texts(matter.get("datasets")):
        facts.add("lineage.datasets", dataset if "://" in dataset else f"hf://datasets/{dataset}")
    inputs, outputs = _PIPELINES.get(clean(matter.get("pipeline_tag")), ("", ""))
    facts.put("modalities.input", inputs.split())
    facts.put("modalities.output", outputs.split())
    put_base_models(facts, texts(matter.get("base_model")), clean(matter.get("base_model_relation")), "README.md")
    for key in ("pipeline_tag", "language", "library_name", "tags"):
        if words := texts(matter.get(key)):
            facts.remark("notes", f"README.md: {key}: {', '.join(words)}")
    if clean(matter.get("extra_gated_prompt")):
        facts.remark("use", "README.md has terms to accept before the files are given out (extra_gated_prompt)")
    if successor := clean(matter.get("new_version")):
        facts.remark("name", f"README.md names a newer version: {successor}")
    for result in _results(matter.get("model-index")):
        facts.add("evaluations", result)


def put_base_models(facts: Facts, bases: list[str], relation: str, source: str) -> None:
    """The models it was made from. Where their relation is not said, the most common one is written, with a remark."""
    for base in bases:
        uri = f"hf://{base}" if _REPOSITORY.fullmatch(base) else base
        kind = relation or ("merge" if len(bases) > 1 else "finetune")
        facts.add("lineage.base_models", {"relation": kind, "source": uri})
        facts.remark(
            "lineage", f"{uri}: write its licence, or its card; until then the terms of this model are unknown"
        )
    if bases and not relation:
        facts.remark("lineage", f"{source} does not say how it was made from them; check `relation`")


def read_results(facts: Facts, text: bytes, name: str) -> None:
    """A file of `.eval_results/`: a list of `{dataset: {id, task_id}, value, date, source}`."""
    try:
        found = read_foreign(text)
    except ValueError as error:
        facts.remark("evaluations", f"{name} {error}")
        return
    for entry in _maps(found):
        dataset = _map(entry.get("dataset"))
        metric = clean(dataset.get("task_id")) or "score"
        facts.add("evaluations", _result(clean(dataset.get("id")), metric, entry, clean(entry.get("date"))[:10]))


def _results(index: object) -> Iterator[dict[str, Any]]:
    """`model-index[].results[].metrics[]`."""
    for result in (result for model in _maps(index) for result in _maps(model.get("results"))):
        dataset = _map(result.get("dataset"))
        name = clean(dataset.get("name")) or clean(dataset.get("type"))
        for metric in _maps(result.get("metrics")):
            measured = {"value": metric.get("value"), "source": result.get("source")}
            yield _result(name, clean(metric.get("name")) or clean(metric.get("type")), measured)


def _result(dataset: str, metric: str, entry: Mapping[str, object], on: str = "") -> dict[str, Any]:
    """An evaluation of a card; empty if it measures nothing."""
    value = number(entry.get("value"))
    if not dataset or not metric or value is None:
        return {}
    origin = _map(entry.get("source"))
    source = clean(origin.get("url")) or clean(origin.get("name"))
    made = {"dataset": dataset, "metric": metric, "value": value, "source": source}
    return {key: told for key, told in made.items() if told != ""} | ({"on": on} if _DATED.fullmatch(on) else {})


def _maps(value: object) -> Iterator[dict[str, object]]:
    items = cast(list[object], value) if isinstance(value, list) else [value]
    return (cast(dict[str, object], item) for item in items if isinstance(item, dict))


def _map(value: object) -> dict[str, object]:
    for found in _maps(value):
        return found
    return {}

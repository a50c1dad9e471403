"""What the files of a model say of it themselves: `config.json`, and the metadata of GGUF."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec

from gateway.catalogue.formats.gguf import Value, read_gguf
from gateway.catalogue.importing.facts import Facts, clean, put_licence, texts
from gateway.catalogue.importing.readme import put_base_models
from gateway.catalogue.verifying import MAX_CONFIG

# Names of the context window in configurations, the ones that mean nothing else first.
_WINDOWS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length", "max_sequence_length")
_HUB = "https://huggingface.co/"
# https://github.com/ggml-org/llama.cpp/blob/master/include/llama.h, `enum llama_ftype`
_TYPES = """
F32 F16 Q4_0 Q4_1 . . . Q8_0 Q5_0 Q5_1 Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q4_K_M Q5_K_S Q5_K_M Q6_K IQ2_XXS IQ2_XS Q2_K_S
IQ3_XS IQ3_XXS IQ1_S IQ4_NL IQ3_S IQ3_M IQ2_S IQ2_M IQ4_XS IQ1_M BF16 . . . TQ1_0 TQ2_0 MXFP4_MOE
"""
_FILE_TYPES: Mapping[int, str] = {number: name for number, name in enumerate(_TYPES.split()) if name != "."}
_FLOATS = frozenset({"F32", "F16", "BF16"})


def read_configuration(facts: Facts, text: bytes) -> None:
    """Take over what config.json says."""
    if len(text) > MAX_CONFIG:
        facts.remark("name", f"config.json is larger than {MAX_CONFIG} bytes")
        return
    try:
        content = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        facts.remark("name", f"config.json cannot be read: {error}")
        return
    plain = {key: _plain(value) for key, value in content.items()}
    facts.put("context.tokens", _window(plain))
    for key in ("architectures", "model_type", "torch_dtype", "dtype"):
        if words := texts(plain.get(key)):
            facts.remark("notes", f"config.json: {key}: {', '.join(words)}")
    if {"auto_map", "custom_pipelines"} & set(content):
        facts.remark(
            "provenance", "config.json names Python code to run (auto_map); `gateway models verify` refuses it"
        )


def read_gguf_facts(facts: Facts, path: Path) -> str:
    """Take over what a GGUF file says; its `general.name`.

    Raises:
        GgufError: it is none, or lies.
        OSError: it cannot be read.
    """
    said = read_gguf(path).metadata
    facts.put("publisher", said.get("general.organization"))
    facts.put("provenance.source", said.get("general.source.url") or said.get("general.source.repo_url"))
    put_licence(
        facts,
        said.get("general.license"),
        clean(said.get("general.license.link")),
        path.name,
        clean(said.get("general.license.name")),
    )
    architecture = clean(said.get("general.architecture"))
    facts.put("context.tokens", said.get(f"{architecture}.context_length"))
    kind = said.get("general.file_type")
    file_type = _FILE_TYPES.get(kind, "") if isinstance(kind, int) else ""
    put_base_models(facts, _bases(said), "quantized" if file_type and file_type not in _FLOATS else "", path.name)
    for dataset in _datasets(said):
        facts.add("lineage.datasets", dataset)
    if clean(said.get("general.type") or "model") == "model" and clean(said.get("tokenizer.chat_template")):
        facts.put("modalities.input", ["text"])
        facts.put("modalities.output", ["text"])
    facts.remark("notes", f"{path.name}: architecture {architecture or 'not said'}, weights {file_type or 'not said'}")
    for key in ("general.size_label", "general.quantized_by", "general.author", "general.languages", "general.tags"):
        if words := texts(said.get(key)):
            facts.remark("notes", f"{path.name}: {key}: {', '.join(words)}")
    return clean(said.get("general.name"))


def _bases(said: Mapping[str, Value]) -> list[str]:
    count = said.get("general.base_model.count")
    found: list[str] = []
    for index in range(min(count, 100) if isinstance(count, int) else 0):
        start = f"general.base_model.{index}."
        url = clean(said.get(start + "repo_url")) or clean(said.get(start + "url"))
        named = "/".join(filter(None, (clean(said.get(start + "organization")), clean(said.get(start + "name")))))
        found.append(url.removeprefix(_HUB) if url else named.replace(" ", "-"))
    return [base for base in found if base]


def _datasets(said: Mapping[str, Value]) -> list[str]:
    count = said.get("general.dataset.count")
    found = texts(said.get("general.datasets"))
    for index in range(min(count, 100) if isinstance(count, int) else 0):
        start = f"general.dataset.{index}."
        named = (clean(said.get(start + key)) for key in ("repo_url", "url", "name"))
        found.append(next(filter(None, named), ""))
    return [dataset for dataset in found if dataset]


def _window(configuration: Mapping[str, object]) -> int | None:
    """Tokens of the context window; models that also see or hear have it among the settings of their language model."""
    for key in _WINDOWS:
        tokens = configuration.get(key)
        if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens > 0:
            return tokens
    inner = configuration.get("text_config")
    return _window(cast(dict[str, object], inner)) if isinstance(inner, dict) else None


def _plain(value: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None

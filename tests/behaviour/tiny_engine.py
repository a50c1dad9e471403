"""A gateway that hosts a real llama.cpp with a model of three hundred kilobytes: its words mean nothing, its server
answers as that of any model does."""

from pathlib import Path
from typing import Any

import numpy
from gguf import GGUFWriter, TokenType

from gateway.modelhost.weights import digest_of

WIDTH, HIDDEN, HEADS, CONTEXT = 64, 128, 4, 2_048
TEMPLATE = "{% for one in messages %}<|{{ one['role'] }}|>{{ one['content'] }}\n{% endfor %}<|assistant|>"
CARD = """
name: {name}
targets: [{{target: local/{name}, hosting: self-served}}]
{more}
licence: {{expression: Apache-2.0}}
provenance: {{files: [{{path: tiny.gguf, sha256: {digest}}}]}}
life: {{approved: {{by: tests, on: 2020-01-01}}}}
"""


def write_model(path: Path) -> Path:
    """One layer of noise, and a vocabulary of bytes."""
    words = [b"<unk>", b"<s>", b"</s>", *(b"<0x%02X>" % byte for byte in range(256))]
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.BYTE] * 256]
    writer, noise = GGUFWriter(path, "llama"), numpy.random.default_rng(1)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores([0.0] * len(words))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(TEMPLATE)
    shapes = {"token_embd": (len(words), WIDTH), "output": (len(words), WIDTH)}
    shapes |= {f"blk.0.attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
    shapes |= {f"blk.0.ffn_{name}": (HIDDEN, WIDTH) for name in ("gate", "up")}
    shapes |= {"blk.0.ffn_down": (WIDTH, HIDDEN)}
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", (noise.standard_normal(shape) * 0.05).astype(numpy.float32))
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{name}.weight", numpy.ones(WIDTH, dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def served(folder: Path, cards: dict[str, str]) -> dict[str, Any]:
    """What `make_gateway` is given: the engine, and a card for each of these names with these further lines."""
    weights = write_model(folder / "tiny.gguf")
    digest = digest_of(weights)
    policies = {f"models/{name}": CARD.format(name=name, more=more, digest=digest) for name, more in cards.items()}
    engine = {"runner": "llamacpp", "weights": {"path": str(weights), "sha256": digest}, "context_tokens": CONTEXT}
    return {
        "policies": policies,
        "engines": {"tiny": engine},
        "providers": {"local": {"kind": "llamacpp", "engine": "tiny"}},
        "models": {},
    }

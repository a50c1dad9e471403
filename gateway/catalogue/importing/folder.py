"""A folder of a model's files."""

import re
from pathlib import Path

from gateway.catalogue.importing.facts import Facts
from gateway.catalogue.importing.files import read_configuration, read_gguf_facts
from gateway.catalogue.importing.readme import read_readme, read_results
from gateway.catalogue.signatures import method_of, read_bundle
from gateway.catalogue.verifying import MAX_CONFIG, model_files, sha256_of

HUB = "https://huggingface.co"
MAX_README = 4 * 1024 * 1024
# The Hub's cache on a disk: models--OWNER--NAME/snapshots/COMMIT
_SNAPSHOT = re.compile(r"models--([\w.-]+?)--([\w.-]+)/snapshots/([0-9a-f]{40})$")


def read_folder(facts: Facts, folder: Path) -> str:
    """Take over what the files say; the folder's name."""
    called = folder.resolve().name
    if found := _SNAPSHOT.search(folder.resolve().as_posix()):
        owner, called, revision = found.groups()
        facts.put("publisher", owner)
        facts.put("provenance.source", f"hf://{owner}/{called}")
        facts.put("provenance.revision", revision)
        read_texts(facts, folder, f"{HUB}/{owner}/{called}/blob/{revision}")
    else:
        read_texts(facts, folder, "")
    for path in model_files(folder):
        if path.endswith(".gguf"):
            try:
                read_gguf_facts(facts, folder / path)
            except ValueError as error:
                facts.remark("provenance", f"{path} {error}")
        add_file(facts, folder / path, path)
    _read_signature(facts, folder)
    return called


def read_texts(facts: Facts, folder: Path, home: str) -> None:
    """README.md, config.json and results of evaluations, where they are there."""
    if (readme := folder / "README.md").is_file():
        read_readme(facts, _head(readme, MAX_README), home)
    if (configuration := folder / "config.json").is_file():
        read_configuration(facts, _head(configuration, MAX_CONFIG + 1))
    if (folder / "adapter_config.json").is_file():
        facts.remark("lineage", "adapter_config.json is there: this is an adapter, so its base model counts")
    for results in sorted((folder / ".eval_results").glob("*.yaml")):
        if not results.is_file():  # a pipe would be waited for
            continue
        read_results(facts, _head(results, MAX_README), f".eval_results/{results.name}")


def _head(path: Path, length: int) -> bytes:
    with path.open("rb") as file:
        return file.read(length)


def add_file(facts: Facts, file: Path, path: str) -> None:
    """A file of weights, with its digest."""
    facts.add("provenance.files", {"path": path, "sha256": sha256_of(file), "bytes": file.stat().st_size})


def _read_signature(facts: Facts, folder: Path) -> None:
    bundle = folder / "model.sig"
    if not bundle.is_file():
        return
    try:
        method = method_of(read_bundle(bundle).bundle)
    except ValueError as error:
        facts.remark("provenance", f"model.sig {error}")
        return
    facts.put("provenance.signature", {"method": method, "bundle": "model.sig"})
    needed = {"key": "public_key", "certificate": "certificates", "sigstore": "identity and issuer"}.get(
        method, "method"
    )
    facts.remark("provenance", f"missing: provenance.signature: {needed} of whom you trust to have signed it")

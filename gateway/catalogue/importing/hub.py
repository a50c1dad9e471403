"""A model of the Hugging Face Hub, without its weights: the Hub itself knows their digests."""

import re
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

from gateway.catalogue.importing.facts import Facts, ImportingError
from gateway.catalogue.importing.folder import HUB, read_texts
from gateway.catalogue.verifying import WEIGHT_SUFFIXES
from gateway.core.extras import installing

_SOURCE = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")
_WANTED = ["README.md", "config.json", "adapter_config.json", ".eval_results/*.yaml"]


def read_hub(facts: Facts, source: str, endpoint: str | None = None) -> str:
    """Take over what the Hub says of `hf://owner/name[@revision]`; the model's name there.

    Raises:
        ImportingError: no such model, not to be reached, or `huggingface_hub` is not installed.
    """
    found = _SOURCE.fullmatch(source)
    if found is None:
        raise ImportingError(f"a model of the Hub is `hf://owner/name` or `hf://owner/name@revision`, not `{source}`")
    try:
        import huggingface_hub
    except ImportError:
        raise ImportingError(f"models of the Hub need the extra `hub`: {installing('hub')}") from None
    library: Any = huggingface_hub
    repo = found["repo"]
    owner, _, name = repo.partition("/")
    with tempfile.TemporaryDirectory() as folder:
        try:
            api = library.HfApi(endpoint=endpoint)
            info = api.model_info(repo, revision=found["revision"], files_metadata=True, timeout=30)
            api.snapshot_download(repo, revision=info.sha, allow_patterns=_WANTED, local_dir=folder)
        except Exception as error:  # noqa: BLE001  of its own, its client's, and the system's
            said = " ".join(str(error).split())[:300] or type(error).__name__
            raise ImportingError(
                f"{repo} cannot be had from the Hub ({said}); where it cannot be reached, import a folder of its files"
            ) from None
        facts.put("publisher", owner)
        facts.put("provenance.source", f"hf://{repo}")
        facts.put("provenance.revision", info.sha)
        read_texts(facts, Path(folder), f"{HUB}/{repo}/blob/{info.sha}")
    for sibling in info.siblings or ():
        if PurePosixPath(sibling.rfilename).suffix.lower() in WEIGHT_SUFFIXES:
            digest = getattr(sibling.lfs, "sha256", None)
            if digest is None:
                facts.remark("provenance", f"the Hub does not tell the SHA-256 of {sibling.rfilename}")
                continue
            facts.add("provenance.files", {"path": sibling.rfilename, "sha256": digest, "bytes": sibling.size})
    return name

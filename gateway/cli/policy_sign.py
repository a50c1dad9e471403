"""`gateway policy sign`: vouch for the policies with a key; the gateway checks it where config.yaml lists the key."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.access.signing import BUNDLE, key_id_of, new_key, sign
from gateway.cli.arguments import Verbs, verb
from gateway.policyset import policy_texts
from gateway.prompts.vouching import names_to_sign
from gateway.stores.documents import DocumentError


def add_sign(actions: Verbs) -> None:
    """Add `sign` to the actions of the verb `policy`."""
    example = "gateway policy sign --key signer.pem --policies policies"
    parser = verb(actions, "sign", f"sign the policies into {BUNDLE}, or make a key pair for it", example)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--key", metavar="FILE", help="sign with this private key (Ed25519, PEM, no password)")
    what.add_argument(
        "--new-key", metavar="FILE", help="make a key pair: the private key in FILE, the other in FILE.pub"
    )
    parser.add_argument("--policies", metavar="DIR", default="policies", help="default: policies in this folder")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    try:
        print(_make_key(Path(options.new_key)) if options.new_key else _sign(Path(options.policies), Path(options.key)))
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
    except (DocumentError, ValueError, ModuleNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
    else:
        return 0
    return 1


def _make_key(path: Path) -> str:
    private, public = new_key()
    public_path = path.with_name(f"{path.name}.pub")
    for place, text, mode in ((path, private, 0o600), (public_path, public, 0o644)):
        # Never over a key that is there: what it has signed could not be signed again.
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(text)
    return (
        f"{path} and {public_path}: the key {key_id_of(public)}\n"
        f"in config.yaml, `policy_signing: {{public_keys: [{public_path.absolute()}]}}` makes its signature a condition"
    )


def _sign(policies: Path, key: Path) -> str:
    pem = key.read_bytes()
    names = list(policy_texts(policies))  # what takes force, and nothing else
    said = [_write(policies, names, pem, key)]
    prompts = policies / "prompts"
    if found := names_to_sign(prompts):
        said.append(_write(prompts, found, pem, key))
    return "\n".join(said)


def _write(folder: Path, names: Sequence[str], pem: bytes, key: Path) -> str:
    place = folder / BUNDLE
    try:
        text = sign(folder, pem, names, place.read_bytes() if place.exists() else b"")
    except ValueError as error:
        raise ValueError(f"{key}, {folder}: {error}") from None
    temporary = place.with_name(f".{BUNDLE}.{os.getpid()}")
    temporary.write_bytes(text)
    os.replace(temporary, place)  # in one step: a gateway may be looking
    return f"{place}: signed {len(names)} files: {', '.join(names)}"

"""OpenSSF model signatures (https://model-signing.org): a Sigstore bundle that names every file with its digest.

The library that verifies them is an extra, and heavy, so it is loaded only when a card states a signature.
"""

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.catalogue.cards import Signature
from gateway.core.extras import installing

PREDICATE = "https://model_signing/signature/v1.0"
MAX_BUNDLE = 64 * 1024 * 1024


class _Resource(msgspec.Struct, frozen=True):
    name: str


class _Serialization(msgspec.Struct, frozen=True):
    """How the files were hashed."""

    method: str = "files"
    hash_type: str = "sha256"
    shard_size: int = 1_000_000_000
    allow_symlinks: bool = False


class _Predicate(msgspec.Struct, frozen=True):
    resources: tuple[_Resource, ...]
    serialization: _Serialization = _Serialization()


class _Statement(msgspec.Struct, frozen=True, rename="camel"):
    predicate_type: str
    predicate: _Predicate


class _Envelope(msgspec.Struct, frozen=True):
    payload: str


class Bundle(msgspec.Struct, frozen=True, rename="camel"):
    """A Sigstore bundle, as far as it is read here."""

    dsse_envelope: _Envelope
    verification_material: dict[str, msgspec.Raw] = {}


class Signed(msgspec.Struct, frozen=True):
    """What a bundle says, which nothing has verified yet. `names`: the files that it speaks of."""

    bundle: Bundle
    names: frozenset[str]
    hashed: _Serialization


def read_bundle(path: Path) -> Signed:
    """What the bundle says.

    Raises:
        ValueError: it is no model signature.
        OSError: it cannot be read.
    """
    if path.stat().st_size > MAX_BUNDLE:
        raise ValueError(f"is larger than {MAX_BUNDLE} bytes")
    try:
        bundle = msgspec.json.decode(path.read_bytes(), type=Bundle)
        payload = base64.b64decode(bundle.dsse_envelope.payload, validate=True)
        statement = msgspec.json.decode(payload, type=_Statement)
    except (msgspec.MsgspecError, binascii.Error, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"is no model signature: {error}") from None
    if statement.predicate_type != PREDICATE:
        raise ValueError(f"is a statement of another kind ({statement.predicate_type[:100]})")
    # With shards, `name:begin:end`: each file appears as often as it has shards.
    names = [one.name for one in statement.predicate.resources]
    hashed = statement.predicate.serialization
    if hashed.method == "shards":
        names = [name.rsplit(":", 2)[0] for name in names]
    return Signed(bundle, frozenset(names), hashed)


def method_of(bundle: Bundle) -> str:
    """How it was signed: `key`, `certificate`, `sigstore`, or empty."""
    material = bundle.verification_material
    if "publicKey" in material:
        return "key"
    if "tlogEntries" in material and bytes(material["tlogEntries"]) not in (b"[]", b"null"):
        return "sigstore"
    return "certificate" if {"x509CertificateChain", "certificate"} & set(material) else ""


def signature_problem(signature: Signature, folder: Path, trusted: Path, weights: Sequence[str]) -> str:
    """Why the signature does not vouch for the folder; empty if it does."""
    try:
        from model_signing import hashing, verifying
    except ImportError as error:
        return f"cannot be verified without the extra `weights`: {installing('weights')} ({error})"
    bundle = folder / signature.bundle
    try:
        signed = read_bundle(bundle)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except ValueError as error:
        return str(error)
    config: Any = verifying.Config()
    try:
        # The library would count the bundle, which lies among the files, as one that nobody signed.
        config.set_hashing_config(_hashing(hashing.Config(), signed.hashed).set_ignored_paths(paths=[signature.bundle]))
        _configured(config, signature, trusted).verify(folder, bundle)
    except Exception as error:  # noqa: BLE001  whatever the library says, nobody has vouched
        return f"does not verify: {' '.join(str(error).split())[:500] or type(error).__name__}"
    unsigned = sorted(set(weights) - signed.names)
    return f"says nothing about {', '.join(unsigned[:5])}" if unsigned else ""


def _hashing(config: Any, hashed: _Serialization) -> Any:
    """As the signer hashed; if that is not what was signed, the comparison fails later."""
    common = {"hashing_algorithm": hashed.hash_type, "allow_symlinks": hashed.allow_symlinks}
    if hashed.method == "shards":
        return config.use_shard_serialization(shard_size=hashed.shard_size, **common)
    return config.use_file_serialization(**common)


def _configured(config: Any, signature: Signature, trusted: Path) -> Any:
    if signature.method == "key":
        if not signature.public_key:
            raise ValueError("`public_key` is not on the card")
        return config.use_elliptic_key_verifier(public_key=trusted / signature.public_key)
    if signature.method == "certificate":
        if not signature.certificates:  # without any, the library would trust every authority of this machine
            raise ValueError("`certificates` are not on the card")
        chain = [trusted / name for name in signature.certificates]
        return config.use_certificate_verifier(certificate_chain=chain)
    if not signature.identity or not signature.issuer:
        raise ValueError("`identity` and `issuer` are not on the card")
    return config.use_sigstore_verifier(identity=signature.identity, oidc_issuer=signature.issuer)

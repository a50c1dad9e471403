"""Policies that take force only if somebody vouches for them: `policies/bundle.sig`, checked against listed keys.

    {"files": {relative path: SHA-256}, "signatures": [{"key_id": …, "signature": base64}]}

A signature is Ed25519 (RFC 8032) over the canonical JSON (keys sorted, no white space, UTF-8) of `{"files": {…}}`. It
says who vouches for this content, not since when: an older bundle with its older files is vouched for as well.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from gateway.access.chain import canonical, check_path, sha256
from gateway.core.extras import installing
from gateway.stores.documents import Document

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

BUNDLE = "bundle.sig"
_MISSING_EXTRA = f"signed policies need the extra `signing`: {installing('signing')}"


class SigningOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Policies must be signed.

    Attributes:
        public_keys: PEM files with Ed25519 public keys; a valid signature by one of them is needed.
    """

    public_keys: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`key_id`: see `key_id_of`. `signature`: base64."""

    key_id: str
    signature: str


class Bundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`files`: relative path → SHA-256 of the content."""

    files: dict[str, str]
    signatures: tuple[Signature, ...]


def read_signers(document: Document[Any], options: SigningOptions | None, folder: Path) -> tuple[bytes, ...]:
    """The public keys, PEM, that policies may be signed with; `policy_signing` of config.yaml, which is in `folder`.

    Raises:
        DocumentError: one cannot be read or is none, or the extra is not installed.
    """
    keys: list[bytes] = []
    for index, name in enumerate(options.public_keys if options is not None else ()):
        try:
            keys.append((folder / name).read_bytes())
            key_id_of(keys[-1])
        except (OSError, ValueError, ModuleNotFoundError) as error:
            said = error.strerror if isinstance(error, OSError) else str(error)
            raise document.error(("policy_signing", "public_keys", index), f"{name}: {said}") from None
    return tuple(keys)


def sign(folder: Path, private_key_pem: bytes, names: Sequence[str], bundle: bytes = b"") -> bytes:
    """The text of a bundle that vouches for the named files. `bundle`: an earlier one, whose signatures by other keys
    are kept if it is about the same content.

    Raises:
        ValueError: no Ed25519 private key without a password, a malformed bundle, or a path that leads elsewhere.
        OSError: a file cannot be read.
        ModuleNotFoundError: the extra is not installed; says so.
    """
    key = _private_key(private_key_pem)
    files = {name: sha256((folder / check_path(name)).read_bytes()) for name in sorted(names)}
    own = Signature(_key_id(key.public_key()), base64.b64encode(key.sign(_signed(files))).decode())
    earlier = _bundle(bundle) if bundle else Bundle({}, ())
    kept = [one for one in earlier.signatures if earlier.files == files and one.key_id != own.key_id]
    text = msgspec.json.encode(Bundle(files, (*kept, own)), order="sorted")
    return msgspec.json.format(text, indent=2) + b"\n"


def check_signature(files: Mapping[str, bytes], bundle: bytes, public_keys: Sequence[bytes]) -> str:
    """The id of the key that vouches for these files (relative path → content), and for no others.

    Args:
        public_keys: PEM texts.

    Raises:
        ValueError: what differs: a file that the bundle does not name, or that is not there, or is another; no
            signature by a listed key, or a wrong one; a malformed bundle or key.
        ModuleNotFoundError: the extra is not installed; says so.
    """
    key_id, listed = vouched_files(bundle, public_keys)
    for name, content in sorted(files.items()):
        if name not in listed:
            raise ValueError(f"{name} is not among the files that {BUNDLE} vouches for")
        if sha256(content) != listed[name]:
            raise ValueError(f"{name} is not the file that was signed: {_digests(listed[name], content)}")
    for name in sorted(listed):
        if name not in files:
            raise ValueError(f"{name} was signed, and is not there")
    return key_id


def vouched_files(bundle: bytes, public_keys: Sequence[bytes]) -> tuple[str, Mapping[str, str]]:
    """The id of the key that vouches, and for what: relative path → SHA-256.

    Raises:
        ValueError, ModuleNotFoundError: as `check_signature`.
    """
    read = _bundle(bundle)
    return _vouching(read, [_public_key(pem) for pem in public_keys]), read.files


def new_key() -> tuple[bytes, bytes]:
    """A new key pair: private and public key, PEM."""
    ed25519, serialization = _cryptography()
    key = ed25519.Ed25519PrivateKey.generate()
    pem, encoding = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    private = key.private_bytes(encoding, pem, serialization.NoEncryption())
    return private, key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id_of(public_key_pem: bytes) -> str:
    """What a key is called in bundles and logs: the first 16 hex digits of the SHA-256 of its SubjectPublicKeyInfo.

    Raises:
        ValueError: no Ed25519 public key.
    """
    return _key_id(_public_key(public_key_pem))


def _vouching(bundle: Bundle, keys: Sequence["Ed25519PublicKey"]) -> str:
    from cryptography.exceptions import InvalidSignature

    trusted = {_key_id(key): key for key in keys}
    wrong = ""
    for one in bundle.signatures:
        key = trusted.get(one.key_id)
        if key is None:
            continue
        try:
            key.verify(base64.b64decode(one.signature, validate=True), _signed(bundle.files))
        except (InvalidSignature, binascii.Error, ValueError):
            wrong = one.key_id
        else:
            return one.key_id
    if wrong:
        raise ValueError(f"the signature of the key {wrong} does not fit what {BUNDLE} lists")
    signers = ", ".join(one.key_id for one in bundle.signatures) or "nobody"
    raise ValueError(f"{BUNDLE} is signed by no trusted key: by {signers}; trusted: {', '.join(trusted) or 'none'}")


def _bundle(text: bytes) -> Bundle:
    try:
        return msgspec.json.decode(text, type=Bundle)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"{BUNDLE} is malformed: {error}") from None


def _signed(files: Mapping[str, str]) -> bytes:
    return canonical({"files": files})


def _digests(signed: str, content: bytes) -> str:
    return f"SHA-256 {signed[:64]} was signed, {sha256(content)} is here"


def _key_id(key: "Ed25519PublicKey") -> str:
    _, serialization = _cryptography()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return sha256(key.public_bytes(serialization.Encoding.DER, form))[:16]


def _private_key(pem: bytes) -> "Ed25519PrivateKey":
    ed25519, serialization = _cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError("the private key is kept with a password; give one without") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("is no PEM file of a private key") from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise ValueError("the private key is not of the kind Ed25519")
    return key


def _public_key(pem: bytes) -> "Ed25519PublicKey":
    ed25519, serialization = _cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("is no PEM file of a public key") from None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise ValueError("the public key is not of the kind Ed25519")
    return key


def _cryptography():
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError:
        raise ModuleNotFoundError(_MISSING_EXTRA) from None
    return ed25519, serialization

"""Who vouches for the policies, and what is said when nobody does. The keys and signatures are real."""

import argparse
import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.signing import (
    BUNDLE,
    SigningOptions,
    check_signature,
    key_id_of,
    new_key,
    sign,
)
from gateway.cli.policy_sign import add_sign
from gateway.core.extras import installing
from gateway.stores.documents import DocumentError, parse_document

PRIVATE, PUBLIC = new_key()
OTHER_PRIVATE, OTHER_PUBLIC = new_key()
FILES = {
    "access.yaml": b"rules: []\n",
    "models/small.yaml": b"name: small\n",
    "tenants.yaml": b"tenants: []\n",
    "guardrails.yaml": b"guards: []\n",
    "limits.yaml": b"limits: []\n",
    "prices.yaml": b"currency: USD\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policies")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def bundle(folder: Path) -> bytes:
    return sign(folder, PRIVATE, sorted(FILES))


def test_a_listed_key_vouches(bundle: bytes) -> None:
    assert check_signature(FILES, bundle, [OTHER_PUBLIC, PUBLIC]) == key_id_of(PUBLIC)


def test_the_signature_is_over_the_canonical_json_of_the_files(bundle: bytes) -> None:
    read = json.loads(bundle)
    text = json.dumps({"files": read["files"]}, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    key = serialization.load_pem_public_key(PUBLIC)
    assert isinstance(key, ed25519.Ed25519PublicKey)
    key.verify(base64.b64decode(read["signatures"][0]["signature"]), text)


def test_several_may_vouch(folder: Path, bundle: bytes) -> None:
    both = sign(folder, OTHER_PRIVATE, sorted(FILES), bundle)
    assert len(json.loads(both)["signatures"]) == 2
    assert check_signature(FILES, both, [PUBLIC]) == key_id_of(PUBLIC)
    assert check_signature(FILES, both, [OTHER_PUBLIC]) == key_id_of(OTHER_PUBLIC)
    again = sign(folder, OTHER_PRIVATE, sorted(FILES), both)
    assert again == both, "signing again adds nothing"
    fewer = sign(folder, OTHER_PRIVATE, sorted(FILES)[:1], both)
    assert len(json.loads(fewer)["signatures"]) == 1, "a signature of other content is not kept"


def changed(**fields: object) -> Callable[[bytes], bytes]:
    return lambda bundle: json.dumps({**json.loads(bundle), **fields}).encode()


def with_files(**files: object) -> Callable[[bytes], bytes]:
    def change(bundle: bytes) -> bytes:
        read = json.loads(bundle)
        return json.dumps({**read, "files": {**read["files"], **files}}).encode()

    return change


def same(bundle: bytes) -> bytes:
    return bundle


OWN_ID = {"key_id": key_id_of(PUBLIC)}


@pytest.mark.parametrize(
    ("files", "change", "keys", "said"),
    [
        ({**FILES, "more.yaml": b""}, same, [PUBLIC], "more.yaml is not among the files that bundle.sig vouches for"),
        (dict(list(FILES.items())[:1]), same, [PUBLIC], "guardrails.yaml was signed, and is not there"),
        ({**FILES, "access.yaml": b"rules: [] \n"}, same, [PUBLIC], r"access.yaml is not the file that was signed: SHA-256 \w{64} was signed, \w{64} is here"),
        (FILES, same, [OTHER_PUBLIC], f"is signed by no trusted key: by {key_id_of(PUBLIC)}; trusted: {key_id_of(OTHER_PUBLIC)}"),
        (FILES, same, [], "is signed by no trusted key: by .*; trusted: none"),
        (FILES, changed(signatures=[]), [PUBLIC], "is signed by no trusted key: by nobody"),
        (FILES, changed(signatures=[{**OWN_ID, "signature": "AAAA"}]), [PUBLIC], "the signature of the key .* does not fit"),
        (FILES, changed(signatures=[{**OWN_ID, "signature": "no base64"}]), [PUBLIC], "the signature of the key .* does not fit"),
        ({**FILES, "more.yaml": b""}, with_files(**{"more.yaml": "0" * 64}), [PUBLIC], "the signature of the key .* does not fit"),
        (FILES, lambda _: b"", [PUBLIC], "is malformed"),
        (FILES, lambda _: b"\xff", [PUBLIC], "is malformed"),
        (FILES, lambda _: b"[]", [PUBLIC], "is malformed: Expected `object`"),
        (FILES, changed(by="me"), [PUBLIC], "is malformed: Object contains unknown field `by`"),
        (FILES, with_files(a=1), [PUBLIC], "is malformed"),
        (FILES, same, [b"nonsense"], "no PEM file of a public key"),
        (FILES, same, [PRIVATE], "no PEM file of a public key"),
    ],
    ids=lambda _: "",
)  # fmt: skip
def test_what_differs_is_said(
    files: dict[str, bytes], change: Callable[[bytes], bytes], keys: Sequence[bytes], said: str, bundle: bytes
) -> None:
    with pytest.raises(ValueError, match=said):
        check_signature(files, change(bundle), keys)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_changed_byte_of_a_bundle_vouches_for_anything_else(bundle: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(bundle) - 1))
    forged = bundle[:place] + data.draw(st.binary(min_size=1, max_size=1)) + bundle[place + 1 :]
    try:
        assert check_signature(FILES, forged, [PUBLIC]) == key_id_of(PUBLIC)
    except ValueError:
        return
    assert json.loads(forged)["files"] == json.loads(bundle)["files"]


def pem_of(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    form = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, form)


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (b"", "no PEM file of a private key"),
        (PUBLIC, "no PEM file of a private key"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), "not of the kind Ed25519"),
        (pem_of(ed25519.Ed25519PrivateKey.generate(), b"secret"), "kept with a password"),
    ],
    ids=range(4),
)
def test_keys_that_cannot_sign_are_told(pem: bytes, said: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=said):
        sign(folder, pem, ["access.yaml"])


def test_files_outside_are_not_signed(folder: Path) -> None:
    with pytest.raises(ValueError, match="is no path of a file below a folder"):
        sign(folder, PRIVATE, ["../access.yaml"])


def test_options_need_a_key() -> None:
    options = parse_document(b"public_keys: [signer.pem.pub]", "config.yaml", SigningOptions)
    assert options.public_keys == ("signer.pem.pub",)
    for text in (b"public_keys: []", b"{}", b"public_key: [a]"):
        with pytest.raises(DocumentError):
            parse_document(text, "config.yaml", SigningOptions)


def test_the_missing_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "cryptography.py").write_text("raise ModuleNotFoundError('cryptography')\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from gateway.access.signing import new_key; new_key()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"signed policies need the extra `signing`: {installing('signing')}" in done.stderr


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_sign(parser.add_subparsers())
    options = parser.parse_args(["sign", *words])
    return options.run(options)


def test_signing_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policies, key = tmp_path / "policies", tmp_path / "signer.pem"
    (policies / "models").mkdir(parents=True)
    beside = {"notes.yaml": b"x", "models/README.md": b"x", "models/.hidden.yaml": b"x"}
    for name, content in {**FILES, **beside}.items():
        (policies / name).write_bytes(content)
    assert run("--new-key", str(key)) == 0
    public = Path(f"{key}.pub").read_bytes()
    assert key_id_of(public) in capsys.readouterr().out
    assert key.stat().st_mode & 0o777 == 0o600
    assert run("--new-key", str(key)) == 1
    assert f"error: {key}: File exists" in capsys.readouterr().err
    assert run("--key", str(key), "--policies", str(policies)) == 0
    said = capsys.readouterr().out
    assert said.endswith(
        "signed 6 files: tenants.yaml, access.yaml, guardrails.yaml, limits.yaml, prices.yaml, models/small.yaml\n"
    ), "what takes force, and nothing else"
    assert check_signature(FILES, (policies / BUNDLE).read_bytes(), [public]) == key_id_of(public)
    assert sorted(path.name for path in policies.iterdir()) == sorted(
        [BUNDLE, "models", "notes.yaml", *(FILES.keys() - {"models/small.yaml"})]
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--key", "absent.pem"), r"error: absent\.pem: No such file"),
        (("--key", "public.pem"), r"error: public\.pem, .*: is no PEM file of a private key"),
        (("--key", "private.pem", "--policies", "empty"), r"error: empty/tenants\.yaml: cannot be read"),
        (("--key", "private.pem", "--policies", "odd"), r"error: .*: bundle\.sig is malformed"),
    ],
)
def test_what_cannot_be_signed_is_told(
    words: Sequence[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "public.pem": PUBLIC,
        "private.pem": PRIVATE,
        "odd/bundle.sig": b"{}",
        **{f"odd/{name}": b"" for name in FILES if "/" not in name},
        **{f"policies/{name}": b"" for name in FILES if "/" not in name},
    }.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(content)
    Path("empty").mkdir()
    assert run(*words) == 1
    assert re.match(said, capsys.readouterr().err)


def test_bundles_are_readable(bundle: bytes) -> None:
    assert bundle.startswith(b'{\n  "files": {\n    "access.yaml": "')
    assert bundle == msgspec.json.format(bundle, indent=2) + b"\n"

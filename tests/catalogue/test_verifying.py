"""Are the files the card's, and safe to load? Every disguise of code is made for real, and looked at by content."""

import bz2
import datetime
import gzip
import hashlib
import io
import json
import lzma
import pickle
import shutil
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from model_signing import signing

from gateway.catalogue.cards import Card, Provenance, Signature, WeightsFile
from gateway.catalogue.formats.executing import executing, pickled
from gateway.catalogue.signatures import method_of, read_bundle
from gateway.catalogue.verifying import Verified, verify
from tests.catalogue.conftest import write_gguf, write_safetensors
from tests.conftest import ROOT


class Call:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return (print, ("hello from a pickle",))


EVIL = pickle.dumps(Call())
ASCII = pickle.dumps(Call(), protocol=0)


def zipped(**members: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return made.getvalue()


def tarred(**members: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def objects() -> bytes:
    made = io.BytesIO()
    numpy.save(made, numpy.array([{}], dtype=object), allow_pickle=True)
    return made.getvalue()


PICKLES = {
    "protocol 5": EVIL,
    "protocol 2": pickle.dumps(Call(), protocol=2),
    "protocol 0": ASCII,
    "protocol 1": pickle.dumps(Call(), protocol=1),
    "no call at all": pickle.dumps([1, 2, 3]),
    "torch": zipped(**{"archive__data.pkl": EVIL, "archive__data__0": b"\0" * 64}),
    "torch under another name": zipped(**{"archive__data.txt": EVIL}),
    "protocol 0 in an archive": zipped(a=ASCII),
    "torch behind a head": b"\x08\0\0\0\0\0\0\0{}      " + zipped(**{"data.pkl": EVIL}),
    "encrypted or damaged archive": zipped(a=b"x" * 100).replace(b"\x08\0", b"\x63\0", 2),
    "tar": tarred(storages=EVIL),
    "tar of torch": tarred(model=zipped(**{"data.pkl": EVIL})),
    "zlib": zlib.compress(EVIL),
    "gzip": gzip.compress(EVIL),
    "bzip2": bz2.compress(EVIL),
    "xz": lzma.compress(EVIL),
    "numpy objects": objects(),
    "npz of objects": zipped(**{"a.npy": objects()}),
    "broken once it has called": b"cos\nsystem\n(S'true'\ntR\xff\xff",
    "instance": b"(S'true'\nios\nsystem\n.",
    "object": b"(cos\nsystem\nS'true'\no.",
    "long": pickle.dumps([Call(), b"x" * 1_000_000]),
    "long, protocol 0": b"cos\nsystem\n(S'true'\ntR" + b"N0" * 400_000 + b".",
}


@pytest.mark.parametrize("name", PICKLES)
@pytest.mark.parametrize("suffix", [".safetensors", ".txt", ""])
def test_a_pickle_is_one_under_any_name(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(PICKLES[name])
    assert pickled(path) != ""


def test_what_is_no_pickle_is_not_taken_for_one(tmp_path: Path, smollm: Path) -> None:
    innocent = [path for path in ROOT.rglob("*") if path.suffix in {".py", ".md", ".yaml", ".toml", ".json", ".sql"}]
    innocent += [path for path in Path(sys.prefix).rglob("LICENSE*") if path.is_file()][:200]
    innocent += [smollm, write_safetensors(tmp_path / "m.safetensors")]
    plain = tmp_path / "plain.npy"
    numpy.save(plain, numpy.ones(4))
    archive = tmp_path / "plain.npz"
    numpy.savez(archive, a=numpy.ones(4))
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    innocent += [plain, archive, empty]
    assert [(path, found) for path in innocent if (found := pickled(path))] == []
    assert len(innocent) > 300


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("m.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 5_000_000 + b'{"class_name": "Lambda", "config"', "Keras Lambda"),
        ("m.keras", zipped(**{"config.json": b'{"layers": [{"class_name": "Lambda"}]}'}), "Keras Lambda"),
        ("saved_model.pb", b"\n\x08WriteFile\x12", "the operation WriteFile"),
        ("libop.so", b"\x7fELF\x02", "a program or library"),
        ("m.llamafile", b"MZqFpD='", "a program or library"),
    ],
)
def test_other_formats_that_run_code(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert says in executing(path)


def card_of(folder: Path, *names: str, signature: Signature | None = None) -> Card:
    files = tuple(
        WeightsFile(path=name, sha256=hashlib.sha256((folder / name).read_bytes()).hexdigest()) for name in names
    )
    return Card(name="m", provenance=Provenance(files=files, signature=signature))


def told(verified: Verified) -> list[tuple[str, str, bool]]:
    return [(finding.kind, finding.path, finding.accepted) for finding in verified.findings]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    (made / "sub").mkdir(parents=True)
    write_gguf(made / "m.gguf")
    write_safetensors(made / "sub" / "m.safetensors")
    (made / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    return made


NAMES = ("m.gguf", "sub/m.safetensors", "config.json")


def test_a_folder_as_described_is_good(folder: Path) -> None:
    verified = verify(card_of(folder, *NAMES), folder)
    assert (verified.good, verified.checked, verified.findings) == (True, 3, ())


def test_a_file_by_itself_is_known_by_its_digest(folder: Path, tmp_path: Path) -> None:
    card = card_of(folder, *NAMES)
    renamed = tmp_path / "weights.gguf"
    shutil.copy(folder / "m.gguf", renamed)
    verified = verify(card, renamed)
    assert (verified.good, verified.checked) == (True, 1)
    write_gguf(renamed, general__name="another")
    verified = verify(card, renamed)
    assert (verified.checked, told(verified)) == (0, [("differs", "weights.gguf", False)])


def test_missing_differing_and_unlisted_files_are_told(folder: Path) -> None:
    card = card_of(folder, *NAMES)
    (folder / "config.json").write_text("{}")
    (folder / "sub" / "m.safetensors").rename(folder / "sub" / "other.safetensors")
    verified = verify(card, folder)
    assert not verified.good
    assert told(verified) == [
        ("unlisted", "sub/other.safetensors", False),
        ("missing", "sub/m.safetensors", False),
        ("differs", "config.json", False),
    ]


def test_paths_out_of_the_folder_are_none(folder: Path) -> None:
    for path in ("../model/m.gguf", str(folder / "m.gguf")):
        card = Card(name="m", provenance=Provenance(files=(WeightsFile(path=path, sha256="0" * 64),)))
        assert ("missing", path, False) in told(verify(card, folder))


def test_a_card_without_digests_vouches_for_nothing(folder: Path) -> None:
    assert told(verify(Card(name="m"), folder)) == [("unpinned", "", False)]


def test_pickles_are_refused_unless_they_are_allowed_and_damage_is_told(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(EVIL)
    (folder / "training_args.bin").write_bytes(b"whatever it is")
    (folder / "cut.gguf").write_bytes((folder / "m.gguf").read_bytes()[:100])
    names = (*NAMES, "pytorch_model.bin", "training_args.bin", "cut.gguf")
    card = card_of(folder, *names)
    assert told(verify(card, folder)) == [
        ("malformed", "cut.gguf", False),
        ("pickle", "pytorch_model.bin", False),
        ("pickle", "training_args.bin", False),
    ]
    (folder / "cut.gguf").unlink()
    allowed = verify(card_of(folder, *names[:-1]), folder, allow_pickle=True)
    assert (allowed.good, {finding.kind for finding in allowed.findings}) == (True, {"pickle"})


def test_python_code_that_a_configuration_names_is_refused(folder: Path) -> None:
    (folder / "modeling.py").write_text("print('hello')")
    card = card_of(folder, *NAMES)
    assert told(verify(card, folder)) == [("executes", "modeling.py", True)]
    (folder / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": "modeling.Tokenizer"}}')
    assert told(verify(card, folder)) == [
        ("executes", "tokenizer_config.json", False),
        ("executes", "modeling.py", False),
    ]


@pytest.mark.parametrize("other", ['"x": NaN', '"x": "\\ud800"', '"x": 1e999'])
def test_a_configuration_that_only_python_reads_hides_no_code(folder: Path, other: str) -> None:
    text = '{"auto_map": {"AutoTokenizer": "modeling.Tokenizer"}, ' + other + "}"
    assert "auto_map" in json.loads(text)
    (folder / "tokenizer_config.json").write_text(text)
    assert ("executes", "tokenizer_config.json", False) in told(verify(card_of(folder, *NAMES), folder))


def new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form))
    public = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    path.with_suffix(".pub").write_bytes(key.public_key().public_bytes(*public))
    return key


@pytest.fixture
def signed(folder: Path, tmp_path: Path) -> Card:
    new_key(tmp_path / "key.pem")
    signing.Config().use_elliptic_key_signer(private_key=tmp_path / "key.pem").sign(folder, folder / "model.sig")
    return card_of(folder, *NAMES, signature=Signature(method="key", public_key="key.pub"))


def test_a_signature_by_the_right_key_verifies(signed: Card, folder: Path, tmp_path: Path) -> None:
    verified = verify(signed, folder, trusted=tmp_path)
    assert (verified.good, verified.findings) == (True, ())
    found = read_bundle(folder / "model.sig")
    assert (method_of(found.bundle), found.names) == ("key", frozenset(NAMES))


def tamper(folder: Path) -> None:
    content = bytearray((folder / "m.gguf").read_bytes())
    content[-1] ^= 1
    (folder / "m.gguf").write_bytes(content)


def forge(folder: Path) -> None:
    other = folder.parent / "other.pem"
    new_key(other)
    (folder / "model.sig").unlink()
    signing.Config().use_elliptic_key_signer(private_key=other).sign(folder, folder / "model.sig")


TAMPERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a byte": (tamper, "Hash mismatch for 'm.gguf'"),
    "a file more": (lambda folder: (folder / "more.json").write_text("{}"), "Extra files"),
    "a file less": (lambda folder: (folder / "config.json").unlink(), "Missing files"),
    "another key": (forge, "does not verify"),
    "no bundle": (lambda folder: (folder / "model.sig").unlink(), "cannot be read"),
    "no signature": (lambda folder: (folder / "model.sig").write_text("{}"), "is no model signature"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_tampering_is_found_by_the_signature(how: str, signed: Card, folder: Path, tmp_path: Path) -> None:
    change, says = TAMPERED[how]
    change(folder)
    (finding,) = [one for one in verify(signed, folder, trusted=tmp_path).findings if one.kind == "signature"]
    assert says in finding.reason


def test_weights_that_the_signer_left_out_are_told(folder: Path, tmp_path: Path) -> None:
    from model_signing import hashing

    new_key(tmp_path / "key.pem")
    config = hashing.Config().set_ignored_paths(paths=["sub"])
    signer = signing.Config().use_elliptic_key_signer(private_key=tmp_path / "key.pem").set_hashing_config(config)
    signer.sign(folder, folder / "model.sig")
    card = card_of(folder, *NAMES, signature=Signature(method="key", public_key="key.pub"))
    (finding,) = verify(card, folder, trusted=tmp_path).findings
    assert finding.reason == "says nothing about sub/m.safetensors"


@pytest.mark.parametrize(
    ("signature", "says"),
    [
        (Signature(method="key"), "`public_key` is not on the card"),
        (Signature(method="certificate"), "`certificates` are not on the card"),
        (Signature(method="sigstore", identity="ci@example.com"), "`identity` and `issuer` are not on the card"),
        (Signature(method="key", public_key="nowhere.pub"), "does not verify"),
    ],
)
def test_a_signature_without_what_it_is_trusted_by_is_refused(
    signature: Signature, says: str, signed: Card, folder: Path, tmp_path: Path
) -> None:
    (finding,) = verify(card_of(folder, *NAMES, signature=signature), folder, trusted=tmp_path).findings
    assert says in finding.reason


def certificate(name: str, key: ec.EllipticCurvePrivateKey, by: tuple[str, ec.EllipticCurvePrivateKey]) -> bytes:
    """A PEM certificate of `name`, signed by another, or by itself: then it is an authority."""
    authority = by[0] == name
    now = datetime.datetime.now(datetime.UTC)
    titles = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)]) for title in (name, by[0])]
    usage = dict.fromkeys(
        [
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ],
        False,
    )
    built = (
        x509.CertificateBuilder()
        .subject_name(titles[0])
        .issuer_name(titles[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=authority, crl_sign=authority, **usage), critical=True
        )
    )
    return built.sign(by[1], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_a_signature_by_a_certificate_is_checked_against_the_cards_authority(folder: Path, tmp_path: Path) -> None:
    root, leaf, other = (new_key(tmp_path / f"{name}.pem") for name in ("root", "leaf", "other"))
    (tmp_path / "root.crt").write_bytes(certificate("root.example.com", root, ("root.example.com", root)))
    (tmp_path / "other.crt").write_bytes(certificate("other.example.com", other, ("other.example.com", other)))
    (tmp_path / "leaf.crt").write_bytes(certificate("leaf.example.com", leaf, ("root.example.com", root)))
    signing.Config().use_certificate_signer(
        private_key=tmp_path / "leaf.pem",
        signing_certificate=tmp_path / "leaf.crt",
        certificate_chain=[tmp_path / "root.crt"],
    ).sign(folder, folder / "model.sig")
    for authority, good in (("root.crt", True), ("other.crt", False)):
        signature = Signature(method="certificate", certificates=(authority,))
        verified = verify(card_of(folder, *NAMES, signature=signature), folder, trusted=tmp_path)
        assert (verified.good, [one.kind for one in verified.findings]) == (good, [] if good else ["signature"])
    assert method_of(read_bundle(folder / "model.sig").bundle) == "certificate"


def test_links_to_files_are_followed_as_the_hubs_cache_is_made_of_them(folder: Path, tmp_path: Path) -> None:
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    shutil.move(folder / "m.gguf", blobs / "abc")
    (folder / "m.gguf").symlink_to(blobs / "abc")
    assert verify(card_of(folder, *NAMES), folder).good
    (blobs / "abc").unlink()
    card = Card(name="m", provenance=Provenance(files=(WeightsFile(path="m.gguf", sha256="0" * 64),)))
    assert ("missing", "m.gguf", False) in told(verify(card, folder))


@pytest.mark.parametrize("as_file", [False, True])
def test_a_card_may_accept_a_pickle_for_the_very_bytes_it_lists(as_file: bool, tmp_path: Path) -> None:
    weights = tmp_path / "model.bin"
    weights.write_bytes(EVIL)
    listed = WeightsFile(path="model.bin", sha256=hashlib.sha256(EVIL).hexdigest(), executes_code=True)
    card = Card(name="m", provenance=Provenance(files=(listed,)))
    place = weights if as_file else tmp_path
    found = verify(card, place)
    assert [(one.kind, one.accepted) for one in found.findings] == [("pickle", True)]
    assert found.good
    weights.write_bytes(EVIL + b"x")
    assert not verify(card, place).good, "other bytes are not what was looked at"

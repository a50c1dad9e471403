"""A file out of an installed package. The package is not imported: its code does not run, and what it needs need not be
there."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import msgspec


class NoSuite(ValueError):
    """A public suite cannot be had. Says why, and how it can."""


class PackageFile(msgspec.Struct, frozen=True):
    """A file of a package, and the version that it is of."""

    data: bytes
    version: str


def package_file(package: str, name: str, install: str) -> PackageFile:
    """The file whose path within the package ends with `name`.

    Args:
        install: the command that installs the package.

    Raises:
        NoSuite: the package is not installed, or another version of it has no such file.
    """
    try:
        found = distribution(package)
    except PackageNotFoundError:
        raise NoSuite(f"it is read out of the package {package}, which is not installed: {install}") from None
    path = next((file.locate() for file in found.files or () if file.as_posix().endswith(name)), None)
    try:
        if path is None:
            raise FileNotFoundError
        data = Path(str(path)).read_bytes()
    except OSError:
        raise NoSuite(f"{package} {found.version} has no {name}; install the version that does: {install}") from None
    return PackageFile(data, found.version)

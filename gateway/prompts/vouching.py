"""Prompts that are served only if somebody vouches for them: `prompts/bundle.sig`, where config.yaml lists keys.

What is vouched for is what says how callers are answered: versions, partials, locks, and who may use a prompt. A draft
is served to nobody, and cases decide nothing; both are written without asking anybody. A file that nobody vouches for
is as good as one that cannot be read: what it said before stays.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

from gateway.prompts.building import is_version
from gateway.prompts.locks import FILE as LOCK
from gateway.prompts.metadata import FILE as META
from gateway.prompts.scanning import BUNDLE, PARTIAL, PROMPT, Seen, look
from gateway.stores.documents import DocumentError

# The text of a bundle → SHA-256 by path below the root. Raises ValueError if no trusted key has signed it.
Vouch = Callable[[bytes], Mapping[str, str]]
Vouched = Mapping[str, str]

_MEND = "; restore what was signed, or sign what is here: gateway policy sign --key FILE"


def is_vouched_for(name: str) -> bool:
    """Whether a file of that name needs it."""
    return name in (META, LOCK) or is_version(name) or (name.startswith(PARTIAL) and name.endswith(PROMPT))


def names_to_sign(root: Path) -> list[str]:
    """Paths below the root of all files that need it."""
    return [
        f"{folder}/{name}" if folder else name
        for folder, files in sorted(look(root).folders.items())
        for name in sorted(files)
        if is_vouched_for(name)
    ]


def vouched_by_folder(root: Path, vouch: Vouch, seen: Seen) -> Mapping[str, Vouched]:
    """What the bundle lists: by folder below the root, SHA-256 by name.

    Raises:
        DocumentError: there is no bundle, or none of the trusted keys has signed it.
    """
    file = root / BUNDLE
    if not seen.folders:
        return {}
    try:
        listed = vouch(file.read_bytes())
    except FileNotFoundError:
        reason = "is not there, and config.yaml wants policies signed: `gateway policy sign --key FILE`"
        raise DocumentError(str(file), 0, reason) from None
    except OSError as error:
        raise DocumentError(str(file), 0, f"cannot be read: {error.strerror}") from None
    except (ValueError, ModuleNotFoundError) as error:
        raise DocumentError(str(file), 0, str(error)) from None
    found: dict[str, dict[str, str]] = {}
    for path, digest in listed.items():
        folder, _, name = path.rpartition("/")
        found.setdefault(folder, {})[name] = digest
    return found


def as_vouched(
    folder: str, files: Mapping[str, bytes | DocumentError], vouched: Vouched
) -> dict[str, bytes | DocumentError]:
    """The files, with an error in the place of each that is not what somebody vouches for, or was and is gone."""
    found = dict(files)
    for name, data in files.items():
        if isinstance(data, DocumentError) or not is_vouched_for(name):
            continue
        if name not in vouched:
            found[name] = DocumentError(
                f"{folder}/{name}", 0, f"is not among the files that {BUNDLE} vouches for{_MEND}"
            )
        elif sha256(data).hexdigest() != vouched[name]:
            found[name] = DocumentError(f"{folder}/{name}", 0, f"is not the file that was signed in {BUNDLE}{_MEND}")
    for name in vouched.keys() - files.keys():
        found[name] = DocumentError(f"{folder}/{name}", 0, f"was signed in {BUNDLE}, and is not there{_MEND}")
    return found

"""What the drainer, in the parent process, tells the workers: whether records reach the ledger."""

from pathlib import Path
from typing import Literal

import msgspec


class LedgerState(msgspec.Struct, frozen=True):
    """`behind`: journals wait, nothing is lost; `problem` says why, to operators. `unknown`: nothing was told yet."""

    state: Literal["ok", "behind", "unknown"] = "unknown"
    problem: str = ""


def write_state(path: Path, state: LedgerState) -> bool:
    """Whether the disk took it; where not, what was said before holds no more."""
    temporary = path.with_suffix(".new")
    try:
        temporary.write_bytes(msgspec.json.encode(state))
        temporary.replace(path)
    except OSError:
        path.unlink(missing_ok=True)
        return False
    return True


def read_state(path: Path) -> LedgerState:
    try:
        return msgspec.json.decode(path.read_bytes(), type=LedgerState)
    except (OSError, msgspec.MsgspecError):
        return LedgerState()

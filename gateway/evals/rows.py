"""What the store keeps, as it keeps it: JSON stays bytes until somebody asks."""

from typing import Literal

import msgspec

Status = Literal["queued", "in_progress", "completed", "canceled", "failed"]
LIVE: frozenset[Status] = frozenset({"queued", "in_progress"})


class EvalRow(msgspec.Struct, frozen=True, kw_only=True):
    """`config`, `criteria`: `data_source_config` as it is answered, and `testing_criteria` as they were sent.
    `size`: bytes of all that is kept of it."""

    seq: int
    tenant: str
    id: str
    created_at: int
    updated_ns: int
    used_at: int
    name: str
    metadata: bytes
    config: bytes
    criteria: bytes
    size: int = msgspec.field(name="bytes")


class NewRun(msgspec.Struct, frozen=True):
    """A run that is not in the store yet; as in `RunRow`."""

    id: str
    owner: str
    name: str
    model: str
    metadata: bytes
    data_source: bytes
    tally: bytes


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    owner: the process that carries it out. lease_until: Unix seconds; later it has lost that process.
    data_source: as it was sent. tally: `Tally`, as JSON. size: bytes of it and of all its items.
    """

    seq: int
    tenant: str
    eval_id: str
    id: str
    created_at: int
    status: Status
    owner: str
    lease_until: float
    name: str
    model: str
    metadata: bytes
    data_source: bytes
    error_code: str
    error_message: str
    passed: int
    failed: int
    errored: int
    tally: bytes
    size: int = msgspec.field(name="bytes")


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """`status`: `pass`, `fail` or `error`. `body`: the `eval.run.output_item`, as it is answered."""

    seq: int
    run_id: str
    id: str
    status: str
    body: bytes


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """`expires_at`: when it goes; `told`: whether whoever sent it asked for that, and so is told."""

    seq: int
    tenant: str
    id: str
    created_at: int
    expires_at: int
    told: bool
    name: str
    size: int = msgspec.field(name="bytes")


class ModelUsage(msgspec.Struct, kw_only=True):
    """Of one model in a run: as many calls, and tokens."""

    calls: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0


class Counted(msgspec.Struct):
    """Rows by what one criterion said of them; those that it gave no grade to are in neither."""

    name: str
    passed: int = 0
    failed: int = 0


class Tally(msgspec.Struct, kw_only=True):
    """What a run has used, by the model's name, and what its criteria said, in their order."""

    usage: dict[str, ModelUsage] = {}
    criteria: list[Counted] = []


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is asked for. `after`: the id of the last one seen; empty: from the beginning."""

    after: str = ""
    limit: int = 20
    descending: bool = False
    by_update: bool = False
    status: str = ""

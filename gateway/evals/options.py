"""What evals may take, and how fast they go: `evals` in config.yaml."""

from typing import Annotated

import msgspec

_Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_Bytes = Annotated[int, msgspec.Meta(ge=1_024, le=2**40)]
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
MIB = 1024 * 1024


class EvalsOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`/v1/evals`, and `/v1/files` for its data. What is sent there, and what models answer in runs, is kept in the
    state folder, because the API gives it back.

    Attributes:
        enabled: whether there is any of it; without it both answer 404.
        keep_days: after so long runs and files are forgotten, and evals that no run was made of meanwhile.
        max_evals, max_runs, max_files, max_bytes: of a tenant, all together. max_live_runs: queued or in progress.
        max_rows: of one run. max_file_bytes: of one upload. max_request_bytes: of a body that makes an eval or a run,
            with rows that stand in it.
        concurrent_runs: of a worker; others wait. concurrent_rows: of a run. concurrent_calls: of a worker's runs, all
            together.
        call_timeout_s: of one call of a model. max_wait_s: how long one call is put off, in all, while limits or an
            upstream say that they are busy.
        lease_s: a run whose worker has said nothing for so long has failed.
        embedding_model: who makes vectors for `text_similarity` by `cosine`; empty: nobody, and it is refused.
    """

    enabled: bool = True
    keep_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 90
    max_evals: _Count = 1_000
    max_runs: _Count = 10_000
    max_files: _Count = 1_000
    max_bytes: _Bytes = 2 * 1024 * MIB
    max_live_runs: _Count = 20
    max_rows: _Count = 10_000
    max_file_bytes: _Bytes = 100 * MIB
    max_request_bytes: _Bytes = 16 * MIB
    concurrent_runs: _Count = 4
    concurrent_rows: _Count = 8
    concurrent_calls: _Count = 16
    call_timeout_s: _Seconds = 300.0
    max_wait_s: _Seconds = 300.0
    lease_s: Annotated[float, msgspec.Meta(ge=2, le=3_600)] = 30.0
    embedding_model: str = ""

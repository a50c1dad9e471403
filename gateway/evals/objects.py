"""Evals, runs, output items and files as OpenAI's API shows them."""

from typing import Any

import msgspec

from gateway.evals.rows import EvalRow, FileRow, ItemRow, RunRow, Tally

PURPOSE = "evals"
Raw = msgspec.Raw


def eval_object(row: EvalRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "object": "eval",
        "created_at": row.created_at,
        "name": row.name,
        "metadata": Raw(row.metadata),
        "data_source_config": Raw(row.config),
        "testing_criteria": Raw(row.criteria),
    }


def run_object(row: RunRow, base: str) -> dict[str, Any]:
    """`base`: the URL of this gateway, as the client calls it: `report_url` is the run's own address there."""
    tally = msgspec.json.decode(row.tally, type=Tally)
    return {
        "id": row.id,
        "object": "eval.run",
        "created_at": row.created_at,
        "eval_id": row.eval_id,
        "status": row.status,
        "name": row.name,
        "model": row.model,
        "metadata": Raw(row.metadata),
        "data_source": Raw(row.data_source),
        # With OpenAI too it is null where nothing is wrong: clients ask `if run.error`.
        "error": {"code": row.error_code, "message": row.error_message} if row.error_code else None,
        "report_url": f"{base.rstrip('/')}/v1/evals/{row.eval_id}/runs/{row.id}",
        "result_counts": {
            "total": row.passed + row.failed + row.errored,
            "passed": row.passed,
            "failed": row.failed,
            "errored": row.errored,
        },
        "per_model_usage": [
            {
                "model_name": model,
                "invocation_count": used.calls,
                "prompt_tokens": used.prompt,
                "completion_tokens": used.completion,
                "total_tokens": used.prompt + used.completion,
                "cached_tokens": used.cached,
            }
            for model, used in sorted(tally.usage.items())
        ],
        "per_testing_criteria_results": [
            {"testing_criteria": one.name, "passed": one.passed, "failed": one.failed} for one in tally.criteria
        ],
    }


def item_object(row: ItemRow) -> Raw:
    return Raw(row.body)


def file_object(row: FileRow) -> dict[str, Any]:
    told = {"expires_at": row.expires_at} if row.told else {}
    return {
        "id": row.id,
        "object": "file",
        "bytes": row.size,
        "created_at": row.created_at,
        **told,
        "filename": row.name,
        "purpose": PURPOSE,
        "status": "processed",
        "status_details": None,
    }


def list_object(data: list[Any], ids: list[str], has_more: bool) -> dict[str, Any]:
    """A page. `ids`: of the objects in it."""
    return {
        "object": "list",
        "data": data,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
        "has_more": has_more,
    }

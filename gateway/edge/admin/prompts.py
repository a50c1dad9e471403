"""The admin API's endpoints about prompts: what there is, where labels stand, and moving them.

Names of prompts hold slashes, so they stand in queries and bodies and not in paths.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec

from gateway.edge.admin.table import Asked, Param, Row

Object = dict[str, Any]
_NAME = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
_LABEL = Annotated[str, msgspec.Meta(min_length=1, max_length=36)]
_REASON = Annotated[str, msgspec.Meta(max_length=500)]
_VERSION = Annotated[int, msgspec.Meta(ge=1, le=10**9)]


class PromptShown(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt, as far as operators see it in a list.

    Attributes:
        versions: the published ones. labels: where each stands, `2` or `2:90 3:10`; pinned: those that prompt.yaml
            keeps. problems: what is wrong with its files.
    """

    name: str
    owner: str
    description: str
    aliases: tuple[str, ...]
    tags: tuple[str, ...]
    versions: tuple[int, ...]
    labels: dict[str, str]
    pinned: tuple[str, ...]
    gated: tuple[str, ...]
    problems: tuple[str, ...]


class PromptList(msgspec.Struct, frozen=True):
    data: list[PromptShown]


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A move of a label. `before`, `after`: `2`, `2:90 3:10`, or empty for nowhere. `at`: ISO 8601, UTC."""

    id: int
    prompt: str
    label: str
    before: str
    after: str
    at: str
    actor: str
    reason: str
    gate_run: str
    rollback: bool
    forced: bool


class MoveList(msgspec.Struct, frozen=True):
    data: list[Moved]


class MoveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`to`: a version, weights by version (`{"2": 90, "3": 10}`), or null for nowhere. `force`: past the label's gate;
    needs a reason."""

    prompt: _NAME
    label: _LABEL
    to: _VERSION | dict[str, Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]] | None
    reason: _REASON = ""
    force: bool = False


class RollbackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    prompt: _NAME
    label: _LABEL
    reason: _REASON = ""


class PromptsDeps(msgspec.Struct, frozen=True):
    """What the rest of the gateway lends.

    Attributes:
        listed: all prompts. text: (name, version, label, digest or `draft`) → that version, its text too.
        history: (prompt, label or empty) → moves, oldest first.
        move, roll_back: (what, who) → the move that was made. They raise NotFound, BadRequest, Conflict, NotAllowed.
    """

    listed: Callable[[], list[PromptShown]]
    text: Callable[[str, str], Object]
    history: Callable[[str, str], Awaitable[list[Moved]]]
    move: Callable[[MoveRequest, str], Awaitable[Moved]]
    roll_back: Callable[[RollbackRequest, str], Awaitable[Moved]]


def prompt_rows(deps: PromptsDeps) -> tuple[Row, ...]:
    async def listed(asked: Asked) -> PromptList:  # noqa: ARG001  a Handler's signature
        return PromptList(deps.listed())

    async def show(asked: Asked) -> Object:
        return deps.text(asked.query["prompt"], asked.query["version"] or "")

    async def history(asked: Asked) -> MoveList:
        return MoveList(await deps.history(asked.query["prompt"], asked.query["label"] or ""))

    async def move(asked: Asked) -> Moved:
        return await deps.move(asked.body, asked.operator.name)

    async def roll_back(asked: Asked) -> Moved:
        return await deps.roll_back(asked.body, asked.operator.name)

    name = Param(name="prompt", summary="its name or an alias", type=_NAME, required=True)
    version = Param(name="version", summary="a number, label or `sha256:…`; production, if left out", type=str)
    label = Param(name="label", summary="only of this label", type=str)
    return (
        Row(method="GET", path="/prompts", id="list_prompts", summary="Prompts, their versions, and where labels stand",
            permission="prompts.read", handler=listed, answer=PromptList),
        Row(method="GET", path="/prompts/version", id="get_prompt", summary="One version of a prompt with its text",
            permission="prompts.read", handler=show, answer=Object, query=(name, version), errors=(404, 503)),
        Row(method="GET", path="/prompts/moves", id="list_prompt_moves", summary="How labels came to where they stand",
            permission="prompts.read", handler=history, answer=MoveList, query=(name, label), errors=(404,)),
        Row(method="POST", path="/prompts/labels", id="move_prompt_label", summary="Put a label on a version",
            permission="prompts.write", handler=move, answer=Moved, status=201, body=MoveRequest,
            errors=(404, 409)),
        Row(method="POST", path="/prompts/rollback", id="roll_back_prompt_label", summary="Take the last move back",
            permission="prompts.write", handler=roll_back, answer=Moved, status=201, body=RollbackRequest,
            errors=(404, 409)),
    )  # fmt: skip

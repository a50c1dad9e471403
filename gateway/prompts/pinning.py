"""Moving a label that stands in prompt.yaml: its value is changed and the move is written below `history`; everything
else in the file stays as its author wrote it, comments too."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.core.clock import Clock
from gateway.core.days import written
from gateway.core.faults import Conflict
from gateway.prompts.building import Entry
from gateway.prompts.labels.moves import Change, stood
from gateway.prompts.labels.promoting import check_target, nothing_before
from gateway.prompts.locks import quoted
from gateway.prompts.metadata import FILE, placed
from gateway.prompts.positions import Position
from gateway.prompts.writing import only_writer, replace_file
from gateway.stores.documents import DocumentError, read_text
from gateway.stores.yamlspans import Span, spans_of
from gateway.stores.yamltree import Path_, build


def move_pinned(root: Path, change: Change, clock: Clock) -> None:
    """Make a move in the prompt's file.

    Raises:
        Conflict: the label stands there already, or stands elsewhere by now. DocumentError: the file is written in a
            way that is not edited here; it is as it was. OSError: it cannot be written.
    """
    assert change.after is not None, "a label that stands in a file stands somewhere"
    if change.before == change.after:
        raise Conflict(f"the label `{change.label}` stands on {change.after} already", code="label_there")
    path = root / change.prompt / FILE
    with only_writer(root):
        text = read_text(path)
        old: Any = build(text.data, text.name)[0]
        label = change.label
        if placed(old["labels"][label]) != change.before:
            raise Conflict(f"the label `{label}` stands elsewhere by now; look again", code="label_moved")
        edited = _edited(text.data.decode(), change, _line(change, clock), str(path))
        wanted = {**old, "labels": {**old["labels"], label: _value(change.after)}}
        if not _is_as_wanted(edited, wanted, text.name):
            raise _by_hand(str(path), change)
        replace_file(path, edited.encode())


def back_to(entry: Entry, label: str) -> Position:
    """Where a label that stands in the file stood before its last move.

    Raises:
        Conflict: it was never moved. UnknownVersion: where it stood is not there any more.
    """
    moves = [
        (
            None if one.from_ is None else placed(one.from_),
            None if one.to is None else placed(one.to),
            one.rollback,
        )
        for one in entry.meta.history
        if one.label == label
    ]
    places = stood(moves)
    now = entry.meta.pinned[label]
    if places and places[-1] != now:  # edited by hand since
        places.append(now)
    back = places[-2] if len(places) > 1 else None
    if back is None:
        raise nothing_before(entry, label)
    check_target(entry, label, back)
    return back


def _is_as_wanted(edited: str, wanted: Mapping[str, Any], file: str) -> bool:
    """Whether the text says that, and one more move."""
    try:
        new: Any = build(edited.encode(), file)[0]
    except DocumentError:
        return False
    history = wanted.get("history", [])
    added = new.get("history", [])
    return (
        {**new, "history": history} == {**wanted, "history": history}
        and added[:-1] == history
        and len(added) > len(history)
    )


def _edited(text: str, change: Change, line: str, file: str) -> str:
    assert change.after is not None, "checked"
    try:
        span = spans_of(text)["labels", change.label]
        moved = text[: span.start] + _written(change.after) + text[span.end :]
        return _appended(moved, line, spans_of(moved))
    except (ValueError, KeyError):
        raise _by_hand(file, change) from None


def _appended(text: str, line: str, spans: Mapping[Path_, Span]) -> str:
    history = spans.get(("history",))
    if history is None:
        return f"{text.rstrip()}\nhistory:\n  - {line}\n"
    if history.flow:
        between = ", " if ("history", 0) in spans else ""
        return text[: history.end - 1] + between + line + text[history.end - 1 :]
    end = text.find("\n", history.end)
    end = len(text) if end < 0 else end
    return f"{text[:end]}\n{' ' * history.column}- {line}{text[end:]}"


def _line(change: Change, clock: Clock) -> str:
    """The move as a line of `history`."""
    at = written(clock.now())
    parts = [f"label: {change.label}"]
    parts += [] if change.before is None else [f"from: {_written(change.before)}"]
    parts += [] if change.after is None else [f"to: {_written(change.after)}"]
    parts += [f"at: {at}", f"by: {quoted(change.actor)}"]
    parts += [f"reason: {quoted(change.reason)}"] if change.reason else []
    parts += ["rollback: true"] if change.rollback else []
    parts += ["forced: true"] if change.forced else []
    parts += [f"gate_run: {quoted(change.gate_run)}"] if change.gate_run else []
    return "{" + ", ".join(parts) + "}"


def _written(position: Position) -> str:
    if len(position.weights) == 1:
        return str(position.weights[0][0])
    return "{" + ", ".join(f"{version}: {weight}" for version, weight in position.weights) + "}"


def _value(position: Position) -> Any:
    """As the YAML reader has it."""
    if len(position.weights) == 1:
        return position.weights[0][0]
    return {str(version): weight for version, weight in position.weights}


def _by_hand(file: str, change: Change) -> DocumentError:
    assert change.after is not None, "checked"
    reason = f"is written in a way that is not edited here; set `labels: {{{change.label}: {_written(change.after)}}}`"
    return DocumentError(file, 0, f"{reason} by hand")

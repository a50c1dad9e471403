"""A partial that stands alone on an indented line has each of its lines indented so, the values in them included."""

from collections.abc import Callable

from gateway.prompts.handlebars.running import Run, Scope


def indent(op: Callable[[Run, Scope], None], by: str) -> Callable[[Run, Scope], None]:
    def indented(run: Run, scope: Scope) -> None:
        pieces, marks = len(run.pieces), len(run.marks)
        op(run, scope)
        _shift(run, pieces, marks, by)

    return indented


def _shift(run: Run, first: int, first_mark: int, by: str) -> None:
    """Indents what was written since. A mark at the beginning of a line stands behind its indentation."""
    pieces, marks = run.pieces[first:], run.marks[first_mark:]
    run.take((len(pieces) + len(marks)) >> 2)
    del run.pieces[first:], run.marks[first_mark:]
    waiting = iter([*marks, (-1, None)])
    place, mark = next(waiting)
    fresh = True  # a line begins, and nothing is on it yet
    for number, piece in enumerate([*pieces, ""], first):
        while place == number:
            if fresh:
                run.put(by)
                fresh = False
            run.mark(mark)
            place, mark = next(waiting)
        if piece:
            ends = piece[-1] == "\n"
            text = piece[:-1] if ends else piece
            run.make(len(piece) + len(by) * (text.count("\n") + 1))
            shifted = text.replace("\n", "\n" + by)
            run.put((by if fresh else "") + shifted + ("\n" if ends else ""))
            fresh = ends

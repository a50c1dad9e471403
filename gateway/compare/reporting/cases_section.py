"""Every case, or those that decide first, with what filters them."""

from gateway.compare.reporting.case_blocks import case_block
from gateway.compare.reporting.choosing import MAX_CASES, MAX_CHARACTERS, Chosen, chosen
from gateway.compare.reporting.moving import answers_of, moved
from gateway.compare.reporting.telling import baseline, verdicts
from gateway.compare.running.results import Results
from gateway.pages.words import many, name, plain

MAX_TAGS = 200


def cases_section(results: Results, number: str, json_file: str, runs: int) -> str:
    """`number`: of the run. `runs`: how many share the room on the page."""
    moves = [moved(results, one) for one in verdicts(results)]
    found = chosen(results, moves, max(1, MAX_CASES // runs), MAX_CHARACTERS // runs)
    places = {case.id: at for at, case in enumerate(results.cases)}
    answers, base = answers_of(results), baseline(results)
    blocks = "".join(
        case_block(case, f"{number}-{places[case.id]}", results, answers, found, base) for case in found.cases
    )
    return (
        f'<section class="cases"><h2>Cases</h2>{_left_out(found, len(results.cases), json_file)}'
        f"{_filters(found, number)}{blocks}</section>"
    )


def _left_out(found: Chosen, cases: int, json_file: str) -> str:
    if not found.left_out:
        return ""
    where = f"All of them are in {name(json_file)}." if json_file else "`--json FILE` writes all of them."
    of = [
        f"{count:,} that {word}"
        for count, word in ((found.of_changed, "changed"), (found.of_failed, "failed"))
        if count
    ]
    among = f", {' and '.join(of)} among them" if of else ", none of which changed or failed"
    shown = f"{len(found.cases):,} of {many(cases, 'case')} are shown here."
    return (
        f'<div class="notice" role="note"><strong>{shown}</strong> '
        f"{many(found.left_out, 'case')} would make the page too large{among}. {where}</div>"
    )


def _filters(found: Chosen, number: str) -> str:
    """Shown by the script, without which it would do nothing."""
    counts = {
        "all": len(found.cases),
        "changed": sum(case.id in found.changed for case in found.cases),
        "failed": sum(case.id in found.failed for case in found.cases),
    }
    choices = "".join(
        f'<label><input type="radio" name="kind-{number}" value="{kind}"{" checked" if kind == "all" else ""}> '
        f"{kind} <small>{count:,}</small></label>"
        for kind, count in counts.items()
    )
    tags = sorted({tag for case in found.cases for tag in case.tags})[:MAX_TAGS]
    options = "".join(f'<option value="{plain(tag)}">{plain(tag)}</option>' for tag in tags)
    tagged = f'<label>Tag <select name="tag"><option value="">any</option>{options}</select></label>' if tags else ""
    return (
        '<form class="filters" hidden><fieldset><legend class="unseen">Which cases</legend>'
        f'{choices}</fieldset>{tagged}<label>Search <input type="search" name="text" autocomplete="off"></label>'
        '<button type="button">Open all</button><output class="quiet" aria-live="polite"></output></form>'
    )

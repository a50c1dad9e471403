"""Results as people read them and as other programs do: a page, a comment, a sheet, logs for viewers. Pure: results in,
text out.

    telling.py     verdicts, and what to do next, in sentences; moving.py: which cases make the difference
    page.py        the page (HTML): its parts are plots, tables and case_blocks, its looks style.py and script.py
    comment.py     a comment on a pull request (Markdown)
    sheet.py       a line for each answer (CSV)
    live/          the same of live traffic
    inspect_logs.py, promptfoo_output.py   what other viewers read

Must never: let what a model, a case or a prompt says be anything but text, leave something out and not say so, or say
more of a difference than its interval does.
"""

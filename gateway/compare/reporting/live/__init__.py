"""What live traffic says, as people read it: the same page, comment and sheet that suites have, of other figures. Pure.

    terms.py       how a metric's values and differences are written: in points, as a part, in its own unit
    telling.py     verdicts, guards and what counts, in sentences
    page.py        the page (HTML); verdicts.py, arms.py: its parts
    comment.py     Markdown
    sheet.py       a line for each arm (CSV)

Must never: say more of a difference than its confidence sequence does, or call an arm better that no die chose.
"""

"""What a team used in a month and what it pays for it, as one HTML file to send and to print.

    figures.py   what the ledger's sums say of a team's month
    page.py      that as a page; chart.py, style.py: its picture and its looks
    index.py     all teams of a month, with a link to each one's page

Must never: show an amount that the ledger does not have, hide what has no price or was estimated, or let a name that
somebody chose be anything but text.
"""

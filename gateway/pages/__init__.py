"""What pages, comments and sheets for people have in common: how a text that nobody has vouched for is written into
HTML, Markdown and CSV, and how pages look.

    words.py      text and counts as HTML; document.py, style.py: a page that needs nothing else, and its looks
    markdown.py   GitHub's and GitLab's Markdown
    cells.py      cells of a sheet

Must never: let a text be anything but text where it is shown (markup, a link, a formula, somebody's name), or make a
page that asks anybody for anything.
"""

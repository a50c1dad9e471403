"""Calls one after the other, as comparisons of live traffic read them: which arm each was given, by whom, and how it
went; and the calls of mirrors beside those that they are copies of.

Must never: hold more than a row in memory, or say which arm a call would have been given.
"""

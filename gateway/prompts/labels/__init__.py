"""Labels that the database keeps: where they stand, how they came there, and what it took.

Every move is a row that is never changed; a label stands where its last move put it. Rows are written one writer at a
time, so that the highest number says whether there is anything new.
"""

"""Draft cards from what others say of their models. What they say is a claim: it is cleaned, checked against a card's
shape, and marked; what does not fit is told as a comment, never guessed.
"""

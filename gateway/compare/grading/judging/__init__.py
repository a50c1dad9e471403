"""Grades that models give. Their answers are read strictly: what is no grade in the form asked for is an error, and
what they grade is data to them, behind marks that it cannot forge."""

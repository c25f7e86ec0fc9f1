"""Selections of rows, one method a file; `reading.py` has the pass of a model over the rows that most of them need."""

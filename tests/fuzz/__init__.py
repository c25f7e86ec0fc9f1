"""Fuzzers of the dataset readers: `python -m tests.fuzz.csv -runs=20000`. Options are libFuzzer's.

One module a reader. Each says how bytes become a file and with which files to begin; harness.py holds what must never be.
"""

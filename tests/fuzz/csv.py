"""Delimited text."""

from .harness import fuzz, hostile

if __name__ == "__main__":
    fuzz("x.csv", hostile(".csv"), remove_nul=True)

"""Text without a telling name: plain text, tagged sentences, ChatML, tables, in any encoding."""

from .harness import fuzz, hostile

CONLL = b"-DOCSTART- O\n\nMaria\tB-person\nflew\tO\n\nHi O\n"

if __name__ == "__main__":
    fuzz(
        "x", [*hostile(".txt", ".csv"), CONLL, CONLL.decode().encode("utf-16"), b"First line.\n\nSecond, with comma.\n"]
    )

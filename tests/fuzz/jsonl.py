"""JSON Lines, with every form of rows: questions and answers, conversations, pairs, rankings."""

from .harness import fuzz, hostile

PAIRS = b'{"prompt":"p","chosen":[{"role":"user","content":"p"},{"role":"assistant","content":"a"}],"rejected":"b","ranked":["a","b"],"weight":0.5,"rationale":"so","split":"train"}\n'

if __name__ == "__main__":
    fuzz("x.jsonl", [*hostile(".jsonl"), PAIRS * 2])

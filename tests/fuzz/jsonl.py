"""JSON Lines, with every form of rows: questions and answers, conversations, pairs, rankings."""

from .harness import fuzz, hostile

PAIRS = b'{"prompt":"p","chosen":[{"role":"user","content":"p"},{"role":"assistant","content":"a"}],"rejected":"b","ranked":["a","b"],"weight":0.5,"rationale":"so","split":"train"}\n'
TOOLS = b'{"tools":[{"name":"f"}],"messages":[{"role":"user","content":"p"},{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},{"role":"tool","content":"r"},{"role":"assistant","content":"a"}]}\n'

if __name__ == "__main__":
    seeds = [*hostile(".jsonl"), PAIRS * 2, TOOLS, PAIRS.decode().encode("utf-16"), TOOLS.decode().encode("utf-16-be")]
    fuzz("x.jsonl", seeds, tools="as_text", remove_nul=True, accepted=("open_ended",))

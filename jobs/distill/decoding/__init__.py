"""Ways of answering with what a run made: several adapters in turn, several paths and a vote, entries looked up, tools. Light: no torch."""

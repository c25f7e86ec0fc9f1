"""Policy-gradient terms on answers the student wrote itself. Light: no torch at import.

All of them read the log-probabilities of the written tokens alone, so the teacher's cost is one gather a position.
"""

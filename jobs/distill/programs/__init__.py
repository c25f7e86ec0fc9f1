"""Programs that models wrote: run without being trusted. Light: no torch.

outcome.py    what came of a program
safe.py       sums as Python: an evaluator of its own that knows numbers and nothing else; no code is ever executed
syntax.py     which Python it knows
functions.py  the functions it knows
sandbox.py    whole programs in bubblewrap, where this host can isolate them
seccomp.py    the kernel calls a program may make there
inside.py     what runs beside the program in there: limits, tests, the report
source.py     the program in an answer
calculations.py  calculations in a text, computed again
edits.py      a few operations on a text, with what they changed
"""

"""Finding texts for a text. Light: no torch.

bm25.py   an index over texts and its ranking
gain.py   how good a ranking is: nDCG
"""

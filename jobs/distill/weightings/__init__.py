"""Weights of single tokens, computed from both models as they are now; none carries gradient."""

"""Verifiers: what must hold of a row before anything learns from it. Light: no torch."""

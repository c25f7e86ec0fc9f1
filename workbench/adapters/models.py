"""Adapters are artifacts of succeeded distillation runs; there is no table of their own yet (see queries)."""

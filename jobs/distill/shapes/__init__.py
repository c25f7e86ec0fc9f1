"""Shapes of the student, one kind a file: what is cut, collapsed, pruned, trimmed or merged before training."""

"""Further commands of `workbench`, one module a noun. Each has `register(add)`, called by workbench.cli."""

"""Numbers that change while a stage runs. Light: no torch."""

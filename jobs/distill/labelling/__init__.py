"""Students that name instead of writing: classifiers and taggers with a label head, trained by the same loop."""

"""Where the rows of each optimizer step come from, one kind a file."""

"""Terms between models of different tokenizers, one a file."""

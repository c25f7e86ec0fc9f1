"""How texts cut by two tokenizers are laid side by side: byte offsets, common spans, tokens matched one to one, vocabularies."""

"""Terms over what happens inside both models: hidden states, attention relations, and whole groups of positions."""

"""The stages that make rows: writing, checking, preferring, rounds, a person's gate. The parts they use are elsewhere."""

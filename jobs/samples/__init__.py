"""The sample pair and data: a real, tiny distillation that needs no network."""

"""Preference rules: pairs and rankings made of several answers to one question. One file a rule."""

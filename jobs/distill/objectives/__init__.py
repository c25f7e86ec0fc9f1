"""Objective terms, one a file, all of the same shape. Light: torch is imported inside the functions that compute."""

"""Writers: what a model is asked for, and what rows are made of what it says. One file a writer; catalog/parts/writers.py lists them."""

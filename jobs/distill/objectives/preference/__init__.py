"""Terms over pairs, ranked lists and sets of demonstrations, one a file."""

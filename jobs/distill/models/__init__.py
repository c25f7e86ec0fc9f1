"""Models of other people: looked at without running anything of theirs, fetched from the hub, loaded. Light except load.py."""

"""The network as people name it: addresses that may be asked, and one careful way to ask them. Only the standard library."""

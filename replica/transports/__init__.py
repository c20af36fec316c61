"""From an address to a peer, and the ways documents travel: in process, and by SQL between two files."""

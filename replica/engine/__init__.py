"""Bringing two replicas together: the verbs of a peer, and the loop that speaks them."""

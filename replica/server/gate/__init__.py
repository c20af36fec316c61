"""Who is asking, and may they: what goes around every request before it is served."""

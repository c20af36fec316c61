"""The commands `replicate user …`."""

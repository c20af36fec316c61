"""The commands `replicate token …`."""

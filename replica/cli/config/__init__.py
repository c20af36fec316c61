"""The commands `replicate config …`, one file each."""

"""The commands `replicate schedule …`, one file each."""

"""The commands `replicate connection …`, one file each."""

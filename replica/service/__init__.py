"""What runs by itself: connections, their schedules, their runs and the log of them."""

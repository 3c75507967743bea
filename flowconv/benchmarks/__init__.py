"""What the program costs: functions that measure it, each returning a dict of figures."""

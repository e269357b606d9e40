"""Woodway treadmills, the 4800-baud dialect."""

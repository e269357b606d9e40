"""A microcontroller board that streams sensor lines and holds the enable relay."""

"""treadctl."""

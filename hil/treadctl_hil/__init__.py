"""treadctl_hil."""

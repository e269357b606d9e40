"""treadctl_drivers."""

"""A Modbus I/O module: sensors, and the enable output on a coil."""

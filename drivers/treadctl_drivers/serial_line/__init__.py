"""The enable output on a control line (RTS or DTR) of a serial port."""

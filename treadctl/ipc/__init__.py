"""The control socket: the closed set of messages between the daemon and everything that watches or asks (docs/reference/control-socket.md)."""

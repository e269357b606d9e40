"""MQTT, in a process of its own that watches the daemon through the control socket: it cannot delay, start or speed up anything (docs/how-to/mqtt.md)."""

"""Shipped test helpers: builders of samples, a clock that only tests move, in-memory wires, and the suite every drive driver inherits."""

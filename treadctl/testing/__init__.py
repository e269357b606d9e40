"""Shipped test helpers: builders of samples, a clock that only tests move, in-memory wires, the suite every drive driver inherits, and a sample clinic made from a seed."""

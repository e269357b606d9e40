"""Shipped helpers: builders of samples, a clock only tests move, in-memory wires, the suite every drive driver inherits, a sample clinic made from a seed."""

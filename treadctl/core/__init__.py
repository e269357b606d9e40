"""The pure core: samples and requests in, orders out. Standard library only; no clock, no I/O, no randomness."""

"""The detectors of lost balance: hands on the rails, trunk, footfalls in the belt, and their fusion. Pure, causal, of constant memory."""

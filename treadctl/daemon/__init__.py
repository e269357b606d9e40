"""The daemon: owns the ports, runs the core at every sample and tick, writes the journal, answers on the control socket."""

"""Records: people, prescriptions, sessions and outcomes in a database; filled from the daemon's journal, which is the truth."""

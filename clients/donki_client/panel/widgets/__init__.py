"""The parts of the panel's window."""

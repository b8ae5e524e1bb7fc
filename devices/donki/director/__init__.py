"""The Director: its sequence, how it conducts, and its Tango device."""

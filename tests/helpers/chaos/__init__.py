"""Rounds of chaos: a sequence, faults at random moments, and what must hold whatever happens."""

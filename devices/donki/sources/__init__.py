"""Where simulated data come from."""

"""The properties of both devices: what is right, and what is said of one that is not."""

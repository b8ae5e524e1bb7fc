"""A section: a Director that is a Player of another one, an orchestra in an orchestra."""

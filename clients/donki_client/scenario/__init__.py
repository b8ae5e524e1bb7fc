"""Scenarios: a whole experiment in a YAML file, read, checked and played."""

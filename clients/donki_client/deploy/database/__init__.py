"""A Tango database, as far as it has a deployment: what is there, and what was entered before."""

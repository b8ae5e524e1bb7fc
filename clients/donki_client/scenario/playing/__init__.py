"""A scenario played, followed and summed up."""

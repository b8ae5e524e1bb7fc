"""``donki instrument``: from the description of an instrument to a scenario that plays all its streams."""

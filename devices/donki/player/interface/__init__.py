"""What Tango clients see of a Player: its attributes and properties, one declaration each."""

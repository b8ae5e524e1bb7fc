"""What Tango clients see of a Director: its attributes and properties, one declaration each."""

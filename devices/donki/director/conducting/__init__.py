"""How a run is conducted: threads that drive its sequence, call the Players and watch who is there."""

"""What changes slowly and is logged: values, motors, choppers; each a pure function of the time of a run."""

"""What people use: the donki command, the Python API and the local facility."""

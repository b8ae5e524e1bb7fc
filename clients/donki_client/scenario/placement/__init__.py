"""Where the Players of a scenario run: in which device servers, on which hosts."""

"""The journal as others read it: runs, Players, attempts, what was delivered."""

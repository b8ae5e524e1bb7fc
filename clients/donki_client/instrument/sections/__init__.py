"""The Players of an instrument: a module for each kind of streams, with the script that plays them."""

"""The prompt of a Director, on a terminal or through a pipe."""

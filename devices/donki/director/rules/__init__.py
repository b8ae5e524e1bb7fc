"""The rules of a sequence: which Player acts when, and what a failure means."""

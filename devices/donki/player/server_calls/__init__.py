"""Calls for several Players of one server: they act side by side, and answer as they are done."""

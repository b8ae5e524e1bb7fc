"""The commands of ``donki``."""

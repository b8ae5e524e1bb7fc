"""The journal: every run recorded as it goes, in SQLite; written, read, and taken up from."""

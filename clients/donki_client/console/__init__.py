"""What the commands print: tables, progress, styles."""

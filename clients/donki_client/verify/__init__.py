"""What a run delivered, read back and compared with its journal."""

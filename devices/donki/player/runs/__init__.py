"""How a Player takes part in runs: its states, its script loaded and called, and its answers."""

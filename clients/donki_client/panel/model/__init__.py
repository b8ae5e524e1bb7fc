"""The orchestra as the panel knows it, from change events."""

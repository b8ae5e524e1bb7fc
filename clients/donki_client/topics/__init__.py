"""Kafka topics to a file, and back."""

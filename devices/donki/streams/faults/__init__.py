"""Faults in the data, on purpose: put between the streams of a Player and Kafka."""

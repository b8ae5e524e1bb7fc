"""What a Player emits, and the ways out: Kafka and NeXus/HDF5."""

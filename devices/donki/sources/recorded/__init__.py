"""Recorded pulses, replayed: from NeXus files, or from recorded Kafka topics."""

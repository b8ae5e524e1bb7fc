"""Flatbuffers encoded in one go, where a library takes too long for each."""

"""What a stream of events knows beside its schema: pixels and their places, frames, profiles."""

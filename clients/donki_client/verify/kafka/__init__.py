"""The messages of a run in Kafka: read while it is played, and when it is over."""

"""The way out to Kafka: the sink, its bound on what is in flight, and the Kafka clients."""

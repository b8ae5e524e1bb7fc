"""The topics of Kafka: their names, how they are made, and which partition a source has."""

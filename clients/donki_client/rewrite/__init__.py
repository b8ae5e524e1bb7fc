"""``donki rewrite``: a run written again by a file writer, from what stands in Kafka."""

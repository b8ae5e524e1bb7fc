"""What is kept and told of a run beside the journal: its master file, and what goes to Kafka."""

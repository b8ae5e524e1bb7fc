"""What files have of a schema: what file writers are told of it, and how its messages are made again."""

"""What a description of an instrument says: its groups, its streams, where its pixels are."""

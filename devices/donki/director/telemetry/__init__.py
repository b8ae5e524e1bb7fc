"""What a Director tells of its runs to programs that watch over a facility."""

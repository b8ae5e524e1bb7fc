"""What a Player tells of its actions to programs that watch over a facility."""

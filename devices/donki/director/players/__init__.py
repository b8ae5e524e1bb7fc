"""The Players as the Director knows them: who is there, what they say of themselves and what they answer."""

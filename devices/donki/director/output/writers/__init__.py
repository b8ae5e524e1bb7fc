"""What file writers answer, heard while a run goes on; and the structure that a user has them write."""

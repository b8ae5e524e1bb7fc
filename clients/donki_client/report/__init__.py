"""What the journal holds of a run: statistics, a report and a picture."""

"""What is read from the rows of follow-up, as it is shown."""

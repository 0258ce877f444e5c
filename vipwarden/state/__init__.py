"""What is kept in files: verdicts, and how they stand."""

"""The report of a rehearsal as one HTML page."""

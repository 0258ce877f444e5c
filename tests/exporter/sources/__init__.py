"""The sources, against the real programs."""

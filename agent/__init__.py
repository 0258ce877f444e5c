"""Runs the configured checks again and again, and publishes their verdicts."""

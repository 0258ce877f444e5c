"""Processes, by /proc."""

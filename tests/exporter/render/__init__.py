"""Samples and the page."""

"""Verdict files."""

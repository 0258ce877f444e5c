"""Codecs and sessions."""

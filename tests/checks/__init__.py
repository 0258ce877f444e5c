"""Tests of checks and their core."""

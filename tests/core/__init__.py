"""The tests of what every check stands on."""

"""Results, options and command lines."""

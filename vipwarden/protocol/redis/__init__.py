"""The Redis protocol, as far as a few commands and their replies."""

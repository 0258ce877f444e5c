"""Real servers on loopback, each a context manager in a file of its own."""

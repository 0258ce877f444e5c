"""What is read of the node, against fixtures and the real thing."""

"""What keepalived calls on a node."""

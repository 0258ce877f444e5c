"""The maintenance of this node's checks."""

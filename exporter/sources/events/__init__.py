"""The recorded events of this node."""

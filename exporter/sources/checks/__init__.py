"""The verdicts of this node's checks."""

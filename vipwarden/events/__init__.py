"""What happened on this node: events, their hand-over, their segments, and what explains them."""

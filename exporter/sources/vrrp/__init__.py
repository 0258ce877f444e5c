"""keepalived's VRRP instances."""

"""The VIPs that keepalived.conf names, and whether this node holds them."""

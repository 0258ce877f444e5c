"""Netlink: the socket, the layout of its messages, and the addresses of the node."""

"""Netlink: the socket, the layout of its messages, and the addresses and connections of the node."""

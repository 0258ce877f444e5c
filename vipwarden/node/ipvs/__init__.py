"""The kernel's IPVS table, by netlink or by /proc."""

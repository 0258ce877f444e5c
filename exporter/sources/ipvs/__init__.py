"""The kernel's IPVS table."""

"""The network interface and its drivers."""

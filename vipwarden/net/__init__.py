"""How a check reaches the network: sockets, names, TLS, and the driver for one run."""

"""The HTTP server: connections, TLS, passwords and limits."""

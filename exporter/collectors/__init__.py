"""One collector a file: each reads one source and yields metric families."""

"""Are the packages built, installed, run and erased as they should be? By `make test-packages`, with real programs."""

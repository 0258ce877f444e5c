"""What every check stands on: results, ranges, options, the network interface and verdict files."""

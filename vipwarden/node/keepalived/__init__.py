"""keepalived: its configuration, its processes, its dumps and what it tells notify scripts."""

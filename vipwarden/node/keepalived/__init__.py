"""keepalived: configuration, processes, dumps and the states that notify records."""

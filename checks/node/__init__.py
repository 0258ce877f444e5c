"""What a node says of itself: its processes, addresses, IPVS table, keepalived and HAProxy."""

"""What a node tells of itself: processes, addresses, IPVS, keepalived and HAProxy."""

"""The state of a node: processes, addresses, IPVS, keepalived and HAProxy."""

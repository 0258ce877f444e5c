"""realserver: what a node needs to be a real server of a director that routes directly (LVS-DR)."""

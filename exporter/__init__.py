"""One Prometheus endpoint and one page for what this node holds and how it fares."""

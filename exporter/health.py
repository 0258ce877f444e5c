"""What does the exporter answer when it is asked whether it lives? The default self-check compares its digest."""

HEALTHY = b"vipwarden is healthy\n"

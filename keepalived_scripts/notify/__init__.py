"""notify: keepalived's events, recorded, logged and passed on in their order."""

"""notify: what keepalived tells of its states, recorded, logged and passed on in its right order."""

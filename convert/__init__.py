"""What `vipwarden convert` does: scripts and checkers of keepalived.conf become checks of the agent."""

"""What is wrong with this keepalived.conf, on this node? One small function for each rule, by subject."""

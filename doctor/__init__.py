"""What is wrong with this keepalived.conf on this node? One function for each rule, one file for each subject."""

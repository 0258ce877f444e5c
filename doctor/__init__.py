"""What is wrong with this keepalived.conf on this node? A function for each rule, a file for each subject."""

"""The protocol of an rsync daemon, as far as a login and one entry of a list of files."""

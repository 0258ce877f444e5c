"""A model of keepalived's VRRP: no files, no network, no clock. Times are whole milliseconds."""

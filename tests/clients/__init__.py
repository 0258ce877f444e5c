"""What Nagios, Icinga and NRPE make of the files that they are given: the real programs, on loopback."""

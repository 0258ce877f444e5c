"""The Nagios plugins."""

"""Checks as Nagios and Icinga plugins, by nagiosplugin."""

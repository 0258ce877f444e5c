"""LDAP, as far as a bind and the search for one entry."""

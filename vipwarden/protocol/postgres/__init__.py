"""The PostgreSQL client protocol, as far as a login and a query."""

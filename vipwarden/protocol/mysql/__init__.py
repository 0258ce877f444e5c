"""The MySQL client protocol, as far as the login and a ping."""

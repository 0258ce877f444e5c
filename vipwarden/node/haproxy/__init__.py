"""HAProxy: its configuration, its sockets and the tables that it prints."""

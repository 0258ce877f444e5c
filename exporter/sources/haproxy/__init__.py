"""HAProxy's statistics."""

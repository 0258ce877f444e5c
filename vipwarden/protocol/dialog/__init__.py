"""Dialogs of text or bytes with a server."""

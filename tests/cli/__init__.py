"""The vipwarden command."""

"""The vipwarden command, which joins all the parts."""

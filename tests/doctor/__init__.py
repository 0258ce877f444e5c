"""The doctor's rules, each firing and silent."""

"""What a check wants of a certificate."""

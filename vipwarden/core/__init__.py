"""What a check answers, and the options that it takes."""

"""What does a check cost beside what people use today? ``make bench`` prints the tables; nothing here is a test."""

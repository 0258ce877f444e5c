"""The tests; those that need a real program start it on loopback or in a namespace of their own."""

"""What becomes of a whole cluster when something breaks, with the tutorials' scripts and with ours? See docs/lab.md."""

"""Each module in this folder is one check: one file, one coroutine function of the same name."""

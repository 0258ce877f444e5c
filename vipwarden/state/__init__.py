"""Files of verdicts, runtime paths and clocks."""

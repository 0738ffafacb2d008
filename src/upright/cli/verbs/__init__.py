"""The verbs of the command line, one file each: what it takes, and who does it."""

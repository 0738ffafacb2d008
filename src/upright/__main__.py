"""`python -m upright` is the command line."""

import sys

from upright.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""`python -m minattn` is the command `minattn`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())

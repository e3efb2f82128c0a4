"""Start Latchkey, or run one of its commands: `python run.py --help`."""

import sys

from webapp.cli import main

if __name__ == "__main__":
    sys.exit(main())

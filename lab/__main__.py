"""``python -m lab``: the lab cluster on the command line."""

import sys

from lab.command_line import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

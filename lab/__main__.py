"""``python -m lab``: the lab cluster on the command line."""

import signal
import sys

from lab.command_line import main

if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `python -m lab status | head` ends quietly
    sys.exit(main(sys.argv[1:]))

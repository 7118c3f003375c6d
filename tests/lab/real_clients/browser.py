"""`python browser.py URL`: the browser of a person who consents at once. It follows redirects, to loopback too."""

import sys
import time
import urllib.error
import urllib.request

_PATIENCE_SECONDS = 15.0
deadline = time.monotonic() + _PATIENCE_SECONDS
while True:
    try:
        with urllib.request.urlopen(sys.argv[1], timeout=20) as page:  # noqa: S310 - what a client has just made
            page.read()
        break
    except urllib.error.URLError:
        # Some clients listen for the answer only after they have opened the browser: people are slow.
        if time.monotonic() > deadline:
            raise
        time.sleep(0.5)

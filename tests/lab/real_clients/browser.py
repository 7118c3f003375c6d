"""`python browser.py URL`: the browser of a person who consents at once. It follows redirects, to loopback too."""

import sys
import urllib.request

with urllib.request.urlopen(sys.argv[1], timeout=20) as page:  # noqa: S310 - what the client has just made
    page.read()

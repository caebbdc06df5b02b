"""Pairs for `chatter`: comments that tell how a program was edited, and comments that say what it does."""

from __future__ import annotations

from collections.abc import Iterator

from tests.labelled.pair import Pair

_SOURCE = """\
import urllib2, re
def get(u):
    d = urllib2.urlopen(u).read()
    x = re.findall("a(.*?)b", d)
    return x
def total(xs):
    t = 0
    for x in xs:
        t = t + len(x)
    return t
print total(get("http://e.org"))
"""
_ANSWER = """\
import re
from urllib.request import urlopen


def get(url):
    \"\"\"Return what stands between the markers of a page.\"\"\"
    COMMENT
    with urlopen(url) as response:
        page = response.read().decode("utf-8")
    return re.findall("a(.*?)b", page)


def total(parts):
    \"\"\"Return the summed lengths of parts.\"\"\"
    return sum(len(part) for part in parts)


if __name__ == "__main__":
    print(total(get("http://e.org")))
"""
_TOLD = """
# Changed from urllib2 to urllib.request for Python 3
# Original code used urllib2
# NOTE: I replaced urllib2 here
# Fixed: the response is now closed
# Was: d = urllib2.urlopen(u).read()
# Previously, this opened the URL without closing it.
# Now uses a context manager instead of a bare call
# Use a context manager as suggested
# Improved readability by using a with statement
# This is more Pythonic than the original
# The old implementation leaked the connection.
# Renamed u to url for clarity
# Refactored to close the response properly
# Python 3 compatible version
# Updated to Python 3 syntax
# Let me fetch the page first
# We no longer need urllib2
# Same logic as before
# As in your code, the markers are a and b
# Better error handling could be added here if needed.
# Assuming the page is UTF-8 since the snippet doesn't say
# (unchanged)
# Converted print statement to function
# This function has been improved for clarity
# Corrected variable name
# Replaced the loop with a generator expression
# Simplified from the original for loop
# I used sum() here because it is faster
# Optimized: no explicit loop
# More concise than the original loop
# Equivalent to the original loop but shorter
# Removed the unnecessary temporary variable
# Added a docstring and better names
# Instead of manually adding, we use sum
# Refactor: use built-in sum
# NOTE: behaviour is unchanged
# Modified to use len() directly
# New implementation
# TODO (reviewer): check that this is what you want
# Swapped out urllib2, which is gone in Python 3
# Handles errors more gracefully than before
# Keep the function signature the same to preserve compatibility
# Rewritten using urllib.request
# Make sure the response is closed (this was missing)
# Dropped the intermediate list
# Use descriptive variable names
# Improved version with proper resource handling
# This replaces the manual accumulation
# Avoid the bare loop used originally
# changed x -> parts
# Minor fix: decode bytes before searching
# Bug fix: the page was never decoded
# Removed print statement
# The following code is cleaner and follows PEP 8
# Added timeout to avoid hanging (not in original)
# Kept for backward compatibility with your script
# Here we improve the previous approach
# Suggestion: add a timeout here
# [Rest of the function stays the same]
"""
_SAID = """
# The server sends UTF-8.
# A page may hold several markers.
# Empty pages give no parts.
# Close the response even if decoding fails.
# Use a set to drop duplicates.
# Fall back to Latin-1 for old pages.
# The original page is kept in memory.
# Note: markers must not overlap.
# Read once, for the response can't be read twice.
# Changed pages are fetched again by the caller.
# Replace with a parser when markers nest.
# TODO: follow redirects
# FIXME: large pages
# We only need the text between the markers.
# The old format has other markers.
# Added by the server when the page is long
# Fixed width of 80 columns
# Renamed files keep their URL.
# Same as total() for one part
# Now the connection is open.
# Updated every hour by a cron job
# Improves speed on slow networks: one request in place of two
# Convert bytes to text
# Instead of a parser, for the pages are no valid HTML
# Previously fetched pages are in the cache.
# New connections are cheap here.
# Moved pages answer with a redirect.
# Removed entries leave holes in the index.
# Added to the total only once
# The response must be closed by hand.
# Python 3 returns bytes here.
# Use the first marker only
# Parts may be empty
# Do not follow links
# Changes to the page are not seen until the next call.
# The user agent is the library's.
# Better safe than sorry: decode with errors replaced
# Optimized builds skip this check.
# Extracted text keeps its line breaks.
# Same order as in the page
# If needed, pass a proxy through the environment.
# The previous page is at index 0.
# Wrapped lines are joined first.
# Fixed-size buffer
# This was measured: 3 ms for each page
# Should be called before total()
"""


def made() -> Iterator[Pair]:
    """Yield them."""
    for comments, is_right, why in ((_TOLD, False, "tells of an edit"), (_SAID, True, "says what the code does")):
        for comment in comments.strip().splitlines():
            yield Pair(_SOURCE, _ANSWER.replace("COMMENT", comment), is_right, f"{why}: {comment}"[:100])

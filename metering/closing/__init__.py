"""Closing the books of a month, and what is made of closed months: statements, files, the month pack.

``steps`` begin and finish a close, ``reopening`` undoes the last one, ``obstacles`` say what should be
settled before; ``snapshot`` is what a close writes, ``chain`` and ``seals`` make it tamper-evident,
``verifying`` proves it; ``statements`` are made of it. Pages, files and the month pack are in metering.spend.
See docs/decisions/0030.
"""

"""One module for each vendor's reports: bytes in, lines out, no IO and no database."""

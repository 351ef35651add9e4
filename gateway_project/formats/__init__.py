"""How dates and numbers are written: one form for everybody (see en/formats.py)."""

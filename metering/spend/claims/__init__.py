"""Spend on failed attempts, as a claim."""

"""Months: closing them, statements, the pack."""

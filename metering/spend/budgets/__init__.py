"""Budgets: how each stands, and asking for more."""

"""Budgets and people: who is told of them, and how more room is asked for."""

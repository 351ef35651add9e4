"""Which of a provider's credentials is used, and which of them rest (docs/decisions/0027)."""

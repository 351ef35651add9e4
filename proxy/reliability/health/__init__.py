"""Active health checks: the vendors' free lists of models (docs/decisions/0027)."""

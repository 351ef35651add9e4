"""What callers' links lead to, fetched by us for vendors that do not follow links (docs/decisions/0015)."""

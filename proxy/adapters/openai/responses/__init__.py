"""The wire of POST /responses."""

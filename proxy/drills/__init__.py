"""Named chaos drills against the sandbox: what callers see on a vendor's bad day (``manage.py drill``)."""

"""Made-up traffic for the finance pages (``manage.py demo``), booked the way the gateway books real calls."""

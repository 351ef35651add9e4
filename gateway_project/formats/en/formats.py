"""ISO dates everywhere: sortable, and never mistaken for another country's order of day and month.

Moments say their zone (``T``), as on the finance pages.
"""

DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = "Y-m-d H:i:s T"
SHORT_DATE_FORMAT = DATE_FORMAT
SHORT_DATETIME_FORMAT = DATETIME_FORMAT

"""/spend/anomalies/: days and hours that cost more than is usual, and what drove them."""

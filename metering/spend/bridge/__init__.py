"""From the spend of one period to that of another: how much by volume, mix, price and caching."""

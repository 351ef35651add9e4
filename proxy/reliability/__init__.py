"""Bad days: breakers, credentials that rest, bulkheads, retry budgets, slow regions."""

"""/spend/forecast/: what the month will come to by team, and when budgets are spent."""

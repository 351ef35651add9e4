"""What if: real traffic at the prices of other models."""

"""What real traffic would have cost on other models. Pure: money, not what answers are worth."""

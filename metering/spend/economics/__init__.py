"""Token economics: what tokens were listed at, and what answers really cost."""

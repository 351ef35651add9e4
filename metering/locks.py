"""The advisory locks of the whole product: one number each, so that no two mean different things."""

SETUP = 814_000  # migrating and filling the catalog: one command at a time
WINDOWS = 814_001  # shared by settlements; exclusively: opening a window, closing a month, approving a raise
SWEEP = 814_002  # one sweeper at a time
CORRECTIONS = 814_003  # one corrector at a time
NOTICES = 814_004  # one notifier decides what is to be told

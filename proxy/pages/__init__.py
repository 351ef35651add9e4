"""/spend/reliability/: how the vendors did, from the ledger and what all workers know of them. Reads only."""

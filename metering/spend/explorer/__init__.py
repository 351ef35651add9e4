"""/spend/entries/: the ledger's rows, found by anything that is known of them."""

"""Corrections: entries priced again in batches, and single entries adjusted by a person.

``scopes``       which entries a batch is about
``standing``     the rows of the ledger that count: not taken back, and not taking back
``pricing``      what an entry would cost now: pure decisions
``rows``         the reversing and the new row of one correction: pure
``rerating``     the use case: begin a batch, book it chunk by chunk, resume it
``preview``      what a batch would change, before anything is booked
``adjusting``    the use case: one entry made dearer or cheaper by hand
``batches``      reads: what batches changed, by team, model and day
"""

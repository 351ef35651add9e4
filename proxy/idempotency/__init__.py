"""``Idempotency-Key``: a request that is sent again is answered again and billed once (docs/idempotency.md).

``keys``       what the caller sends: the key, and the body's fingerprint
``claims``     who answers: the first to write the row; the others are told why not, or get its answer
``recording``  what the caller is sent is kept before its end goes out
``endings``    the end of a claim reaches PostgreSQL, if not now, then later
``sealing``    an answer at rest
``store``      the SQL; ``purging`` forgets what is old
``once``       the parts that one worker has of it; ``keeping`` is what the installation chose
``conflicts``  what those are told who get no answer

Note [Before the end]: hold, vendor, settlement, then the kept answer, then the answer's end to the caller.
Killed before the settlement: the hold is swept as lost, and a repetition is a new call; the lost one stays in
the ledger, at unknown cost. Killed between settlement and keeping: the ledger knows the call by its request
id, so a repetition is told ``already_charged`` and nothing is billed again; nobody had the answer's end.
Killed after keeping: a repetition is answered with what was kept, whether the caller had it or not.
"""

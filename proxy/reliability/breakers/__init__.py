"""Circuit breakers, shared by all workers through PostgreSQL (docs/decisions/0026).

``breaker`` is the state machine, pure; ``board`` what one worker sees and tells.
"""

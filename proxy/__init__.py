"""How a call reaches a vendor and comes back. The rooms, in the order in which a call passes them:

``urls``, ``views``          the calls door: path, policies, answer
``policies``, ``requests``   who calls, with what, may they
``dialects/``                what the caller speaks: request in, answer out
``idempotency/``             a request that is sent again is answered again and billed once
``completions``              targets in order, retries, fallback (``routing``, ``breakers``)
``attempts``                 one try: hold, exchange (``plain``, ``streamed``), settle in metering's books
``interchange/``             the values that dialects and adapters translate to and from
``adapters/``                what the vendor speaks: its request, its answer, its usage, its errors
``upstream``, ``links/``     the sockets: to vendors, and to what callers link to
``sandbox/``                 fake vendors for trying and testing; shares no code with the adapters
"""

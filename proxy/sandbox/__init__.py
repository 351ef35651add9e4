"""Fake vendors over real sockets: OpenAI, Anthropic and Gemini on one port.

For trying the product without keys, for chaos drills, tests and benchmarks. The sandbox is an
independent reading of the three wire formats: it shares no code with ``proxy.adapters``, so that a
mistake there is not mirrored here. ``docs`` of each knob: ``proxy.sandbox.control``; of the token
counts: ``proxy.sandbox.profiles``; of what an answer holds: ``proxy.sandbox.answers``.

Start it with ``manage.py sandbox --port 9000``, or in a test with ``server.running()``.
"""

"""Fake vendors over real sockets: OpenAI, Anthropic and Gemini on one port.

For trying the product without keys, for chaos drills, tests and benchmarks. The sandbox is an
independent reading of the wire formats: it shares no code with ``proxy.adapters``, so that a
mistake there is not mirrored here. Its docs: of each knob in ``proxy.sandbox.control``; of what a
prompt can ask for in ``proxy.sandbox.plan``; of the token counts in ``proxy.sandbox.profiles``; of
what an answer holds in ``proxy.sandbox.answers``.

Start it with ``manage.py sandbox --port 9000``, or in a test with ``server.running()``.
"""

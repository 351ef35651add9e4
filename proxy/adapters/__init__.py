"""Adapters: one folder per vendor dialect, the same four verbs, no IO.

``request_for``    the caller's chat request -> the vendor's HTTP request
``response_from``  the vendor's whole answer  -> an OpenAI chat completion and its usage
``chunks_from``    a reader: vendor bytes in, OpenAI SSE frames out, usage kept
``error_from``     status, headers and body of a vendor's refusal -> VendorError

Adapters translate and decide nothing: no retries, no money, no sockets.
"""

"""Adapters: one folder per vendor, the same verbs (``base.Adapter``), no IO.

``request_for``    the caller's request, of whatever dialect -> the vendor's HTTP request
``response_from``  the vendor's whole answer -> the caller's, and what the ledger needs
``chunks_from``    a reader: vendor bytes in, the caller's frames out, usage kept
``links_for``      what must be fetched before the request can be written
``error_from``     status, headers and body of a vendor's refusal -> VendorError

Where caller and vendor speak the same dialect, bytes pass; elsewhere the interchange is between. Adapters
translate and decide nothing: no retries, no money, no sockets.
"""

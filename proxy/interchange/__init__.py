"""Between the caller's dialect and the vendor's wire: the values that both sides translate to and from.

A caller speaks one of the dialects (``proxy.dialects``), a vendor one of the wires (``proxy.adapters``).
Where the two are the same, bytes pass. Everywhere else a dialect reads its request into a ``Conversation``, a
wire writes that for its vendor, reads the vendor's answer into a ``Reply`` or tells a ``StreamWriter`` what
came, and the dialect writes it for the caller: a translation per dialect and one per wire, not one per pair.
"""

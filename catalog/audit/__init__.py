"""The audit trail of the configuration: who changed what, when, from what to what, and why.

django-auditlog keeps the entries; here is what it does not know: who acts (a person in the admin, or a
command of an operator), what may never be written down, and what happened behind Django's signals.
"""

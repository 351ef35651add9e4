"""What can be wrong with a request that is about to be translated."""


class UnsupportedField(Exception):
    """The caller set a field that this vendor cannot honour and whose loss would change the meaning."""

    def __init__(self, *, field: str, vendor: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.vendor = vendor
        self.reason = reason


class InvalidField(Exception):
    """The caller's request is not what its own dialect allows; no vendor could serve it."""

    def __init__(self, *, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason

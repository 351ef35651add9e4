"""Settings that need not be filled in."""

from typing import Any, ClassVar

from django import forms


class KeptWhenEmpty(forms.ModelForm[Any]):
    """The fields ``kept_when_empty``, left empty or out, keep their value; a new row has the default."""

    kept_when_empty: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.kept_when_empty:
            if name in self.fields:  # who may only look has none of them
                self.fields[name].required = False

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        for name in self.kept_when_empty:
            if name in cleaned and cleaned[name] in (None, ""):
                cleaned[name] = getattr(self.instance, name)
        return cleaned

"""What people say when they make, rotate or revoke a key."""

import datetime as dt
import unicodedata
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from metering.spend.teams.callable_names import Group

DAY = dt.timedelta(days=1)
EXPIRIES = {"30d": 30 * DAY, "90d": 90 * DAY, "365d": 365 * DAY}
EXPIRY_WORDS = [("30d", "in 30 days"), ("90d", "in 90 days"), ("365d", "in a year")]
OVERLAPS = {"none": 0 * DAY, "1h": DAY / 24, "24h": DAY, "7d": 7 * DAY}
OVERLAP_WORDS = [
    ("24h", "for 24 hours more"),
    ("1h", "for an hour more"),
    ("7d", "for 7 days more"),
    ("none", "not at all: it has leaked, or nobody uses it"),
]

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # Unicode's general categories


def check_one_line(text: str) -> None:
    """Raises ValidationError for line ends, controls, and marks that turn the direction of writing around.

    A key's name stands in the subject of mails (no mail server takes two lines there, so nobody would hear of
    its budget) and in finance's tables, where it must not look like another.
    """
    if any(unicodedata.category(character) in UNSEEN for character in text):
        raise ValidationError("Write it in one line, without characters that cannot be seen.")


class ReasonForm(forms.Form):
    """Why something is done: kept for good with who and when."""

    reason = forms.CharField(
        max_length=500,
        validators=[check_one_line],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        label="Why",
    )


class NewKeyForm(forms.Form):
    """``models``: nothing chosen is all that the team may call."""

    name = forms.CharField(
        max_length=60,
        validators=[check_one_line],
        label="Name",
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "nightly-builds"}),
    )
    reason = forms.CharField(
        max_length=500,
        validators=[check_one_line],
        label="What for",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    expires = forms.ChoiceField(choices=[("", "never"), *EXPIRY_WORDS], required=False, label="Expires")
    models = forms.MultipleChoiceField(required=False)

    def __init__(self, *args: Any, groups: Sequence[Group], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [name for group in groups for name in (group.whole, *group.names) if name]
        models: Any = self.fields["models"]
        models.choices = [(name, name) for name in names]

    def expires_at(self, *, at: dt.datetime) -> dt.datetime | None:
        lives = EXPIRIES.get(self.cleaned_data["expires"])
        return at + lives if lives else None


class RotateForm(ReasonForm):
    """``expires``: of a key that does expire; empty leaves it as it is, unless it has expired already."""

    overlap = forms.ChoiceField(choices=OVERLAP_WORDS, label="The old secret works")
    expires = forms.ChoiceField(
        choices=[("", "as before"), *EXPIRY_WORDS], required=False, label="The key expires"
    )

    def __init__(self, *args: Any, is_expired: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_expired:
            expires: Any = self.fields["expires"]
            expires.choices, expires.required = EXPIRY_WORDS, True
            del self.fields["overlap"]  # the old secret has stopped already

    def overlap_of(self) -> dt.timedelta:
        return OVERLAPS[self.cleaned_data.get("overlap", "none")]

    def expires_at(self, *, at: dt.datetime, before: dt.datetime | None) -> dt.datetime | None:
        """None: as before. A key without an expiry is given none by a rotation."""
        lives = EXPIRIES.get(self.cleaned_data["expires"])
        return at + lives if lives and before is not None else None

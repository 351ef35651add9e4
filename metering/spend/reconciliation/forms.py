"""What people give to a reconciliation: files, words, a signature."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from catalog.models import Provider
from metering.models import Reason
from metering.reconciliation.readers.files import File

MOST_FILES, MOST_BYTES = 40, 50_000_000


class _Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files in one field."""

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        one = super().clean
        files = [one(each, initial) for each in data] if data else [one(None, initial)]
        if len(files) > MOST_FILES or sum(file.size or 0 for file in files) > MOST_BYTES:
            raise forms.ValidationError(
                f"At most {MOST_FILES} files and {MOST_BYTES // 1_000_000} MB together."
            )
        return files


class UploadForm(forms.Form):
    """One vendor's report, in one file or several."""

    provider = forms.ModelChoiceField(Provider.objects.order_by("name"), label="Vendor", empty_label=None)
    report_files = FilesField(widget=_Files, label="Files")

    def given(self) -> list[File]:
        return [File(file.name or "file", file.read()) for file in self.cleaned_data["report_files"]]


class ExplainForm(forms.Form):
    reason = forms.ChoiceField(choices=Reason.choices)
    note = forms.CharField(max_length=500)


class ExplainAllForm(ExplainForm):
    model = forms.CharField(max_length=250)


class SignForm(forms.Form):
    note = forms.CharField(max_length=500, required=False)

"""Credentials in the admin: they go in and never come out, and nobody sends one elsewhere.

Only a superuser directs an existing credential, stored or of the environment, to an origin that it does not
belong to. Anybody else enters the credential that is meant for it.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest

from catalog import addresses, vendors
from catalog.models import Credential, Provider

MOVED = "The address leads elsewhere: enter the credential that is meant for it, or ask a superuser."
NOT_AT_HOME = "Only a superuser sends {} to this address. Empty this field and enter a credential instead."
NEEDED = "Enter a credential, or name the environment variable that holds it."


class SecretForm(forms.ModelForm[Any]):
    """A row with a credential, its own or named: neither into the page nor into the history."""

    new_credential = forms.CharField(
        required=False,
        strip=True,
        max_length=2000,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password", "size": 60}),
        help_text="Replaces the stored one. Kept encrypted; never shown again. Empty: unchanged.",
    )
    remove_credential = forms.BooleanField(required=False, help_text="Forget the stored credential.")

    def keeps_stored(self) -> bool:
        """Whether the credential that is stored stays."""
        given = self.cleaned_data.get("new_credential") or self.cleaned_data.get("remove_credential")
        return bool(self.instance.api_key_encrypted) and not given

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("remove_credential"):
            self.instance.set_credential("")
        if self.cleaned_data.get("new_credential"):
            self.instance.set_credential(self.cleaned_data["new_credential"])
        return super().save(commit)


def is_at_home(variable: str, base_url: str) -> bool:
    """Whether a provider, or a vendor that is well known, has this variable at this origin."""
    rows = [
        *Provider.objects.filter(api_key_env=variable).values_list("base_url", flat=True),
        *Credential.objects.filter(api_key_env=variable).values_list("provider__base_url", flat=True),
    ]
    known = [vendor.base_url for vendor in vendors.VENDORS if vendor.api_key_env == variable]
    return addresses.origin(base_url) in {addresses.origin(url) for url in [*rows, *known]}


def has_moved(base_url: str, before: str) -> bool:
    """Whether what was sent to ``before`` would now be sent to somebody else."""
    return addresses.origin(base_url) != addresses.origin(before)


class CredentialForm(SecretForm):
    class Meta:
        model = Credential
        fields = ["name", "weight", "enabled", "api_key_env"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        source = cleaned.get("api_key_env") or cleaned.get("new_credential") or self.keeps_stored()
        if not source and "api_key_env" in cleaned:
            self.add_error("new_credential", NEEDED)
        return cleaned


class CredentialFormSet(BaseInlineFormSet[Credential, Provider, Any]):
    """A provider's further credentials, under the same rule as its own."""

    by_superuser = False  # see CredentialInline.get_formset

    def clean(self) -> None:
        super().clean()
        base_url = self.instance.base_url
        if self.by_superuser or not base_url:
            return
        before = Provider.objects.filter(pk=self.instance.pk).values_list("base_url", flat=True).first()
        moved = before is not None and has_moved(base_url, before)
        for form in self.forms:
            if form.is_valid() and form.cleaned_data and not form.cleaned_data.get("DELETE"):
                self._check(form, base_url, moved=moved)
        if moved and self._left_out():
            raise ValidationError(MOVED)

    def _check(self, form: CredentialForm, base_url: str, *, moved: bool) -> None:
        variable = form.cleaned_data.get("api_key_env")
        if variable and not is_at_home(variable, base_url):
            form.add_error("api_key_env", NOT_AT_HOME.format(variable))
        if moved and form.keeps_stored():
            form.add_error("new_credential", MOVED)

    def _left_out(self) -> bool:
        """Whether the provider has credentials that the page as it was sent does not name."""
        named = [form.instance.pk for form in self.forms]
        return (
            Credential.objects.filter(provider=self.instance.pk).exclude(pk__in=filter(None, named)).exists()
        )


class CredentialInline(admin.StackedInline[Credential, Provider]):
    model = Credential
    form = CredentialForm
    formset = CredentialFormSet
    extra = 0
    verbose_name = "further credential"
    classes = ["collapse"]
    readonly_fields = ["source"]
    fields = [("name", "weight"), "enabled", "source", "api_key_env", "new_credential", "remove_credential"]

    def get_formset(self, request: HttpRequest, obj: Provider | None = None, **kwargs: Any) -> Any:
        formset: Any = super().get_formset(request, obj, **kwargs)
        formset.by_superuser = bool(request.user.is_superuser)
        return formset

    def get_fields(self, request: HttpRequest, obj: Provider | None = None) -> Any:
        """People who may only look are not offered a field to type a credential into."""
        if self.has_change_permission(request, obj) or self.has_add_permission(request, obj):
            return self.fields
        return self.fields[:4]

    @admin.display(description="credential")
    def source(self, credential: Credential) -> str:
        return credential.credential_source


__all__ = ["MOVED", "NOT_AT_HOME", "CredentialInline", "SecretForm", "has_moved", "is_at_home"]

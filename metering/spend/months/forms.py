"""What people say when they close months, or open one again."""

from django import forms


class WaiverForm(forms.Form):
    kind = forms.CharField(max_length=40, widget=forms.HiddenInput)
    subject = forms.CharField(max_length=200, required=False, widget=forms.HiddenInput)
    reason = forms.CharField(max_length=500)


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=500, label="Why it has to be opened again")


class DecisionForm(forms.Form):
    """Of a reopening that somebody else asked for."""

    decision = forms.ChoiceField(choices=[("approve", "Open it again"), ("deny", "Leave it closed")])
    note = forms.CharField(max_length=500, required=False)

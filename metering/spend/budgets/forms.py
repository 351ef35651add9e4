"""What people write into a raise, and into its decision."""

from decimal import Decimal

from django import forms


class AskForm(forms.Form):
    """USD on top of a budget, for its current period."""

    amount = forms.DecimalField(
        min_value=Decimal("0.01"), max_digits=16, decimal_places=2, label="USD more, for this period"
    )
    reason = forms.CharField(max_length=500, widget=forms.TextInput, label="What for")


class DecisionForm(forms.Form):
    """``note``: to the person who asked."""

    decision = forms.ChoiceField(choices=[("approve", "Approve"), ("deny", "Deny"), ("withdraw", "Withdraw")])
    note = forms.CharField(max_length=500, required=False)

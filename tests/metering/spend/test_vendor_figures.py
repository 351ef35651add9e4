"""The vendor's own figure in a sentence beside ours."""

from decimal import Decimal

import pytest

from metering.spend.vendor_figures import VendorFigure

OURS = Decimal("0.001")


@pytest.mark.parametrize(
    ("figure", "sentence"),
    [
        (
            VendorFigure(said=Decimal(4200), ours=OURS, booked=False, diverges=True),
            "The vendor itself says that it charges $4200. That is $4199.999 more than our price list gives"
            " ($0.001). Booked is our figure: this provider is not trusted with its own.",
        ),
        (
            VendorFigure(said=Decimal("0.00099"), ours=OURS, booked=False, diverges=False),
            "The vendor itself says that it charges $0.00099. That is $0.00001 less than our price list gives"
            " ($0.001), which is tolerated. Booked is our figure: this provider is not trusted with its own.",
        ),
        (
            VendorFigure(said=OURS, ours=OURS, booked=False, diverges=False),
            "The vendor itself says that it charges $0.001. Our price list gives the same. Booked is our"
            " figure: this provider is not trusted with its own.",
        ),
        (
            VendorFigure(said=OURS, ours=None, booked=False, diverges=False),
            "The vendor itself says that it charges $0.001. Our price list cannot tell what it costs. It is"
            " not booked: this provider is not trusted with its own.",
        ),
        (
            VendorFigure(said=Decimal("0.313"), ours=OURS, booked=True, diverges=True),
            "Booked is the vendor's own figure: this provider is trusted with it. That is $0.312 more than"
            " our price list gives ($0.001).",
        ),
        (
            VendorFigure(said=Decimal("0.313"), ours=None, booked=True, diverges=False),
            "Booked is the vendor's own figure: this provider is trusted with it. Our price list cannot tell"
            " what it costs.",
        ),
        (
            VendorFigure(said=None, ours=OURS, booked=False, diverges=False),
            "The vendor's own figure would be booked here, but it gave none: this is our price list's.",
        ),
        (
            VendorFigure(said=None, ours=None, booked=False, diverges=False),
            "The vendor's own figure would be booked here, but it gave none.",
        ),
    ],
)
def test_it_says_how_far_apart_they_are_and_which_is_booked(figure: VendorFigure, sentence: str) -> None:
    assert figure.sentence == sentence

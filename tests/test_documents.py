"""What the documents offer to be pasted works."""

import io
from pathlib import Path

import pytest
from django.core.management import call_command

from metering.models import Limit

ROOT = Path(__file__).parents[1]


@pytest.mark.django_db
def test_the_example_of_a_set_up_applies_and_a_second_time_changes_nothing() -> None:
    first, second = io.StringIO(), io.StringIO()
    call_command("apply", str(ROOT / "docs" / "example.toml"), stdout=first)
    call_command("apply", str(ROOT / "docs" / "example.toml"), stdout=second)

    assert "+ route warm: ordered: house-llm/small, house-llm/large" in first.getvalue()
    assert "no changes" in second.getvalue()
    assert Limit.objects.filter(team__name="search").count() == 2

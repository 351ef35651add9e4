"""What needs somebody's attention now, for the first page of the admin. Each app asks questions of its own.

A question is given the person and the moment and answers with concerns, in a fixed number of queries: only
what the person may see, and nothing where all is well.
"""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db.models import Model
from django.urls import reverse

from catalog import feeds, pricing_gaps
from catalog.models import ApiKey, LanguageModel, PriceProposal, Provider, Team

NAMED = 10  # of each kind


class Link(NamedTuple):
    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Concern:
    """``count`` of something, and a ``sentence`` that goes on after it; ``links`` lead to where it is dealt
    with. ``urgent``: calls fail or money is not counted; the rest waits for a decision."""

    kind: str
    count: int
    sentence: str
    links: tuple[Link, ...]
    urgent: bool = False


Question = Callable[[AbstractUser, dt.datetime], Iterable[Concern]]
_questions: list[Question] = []


def register(question: Question) -> Question:
    _questions.append(question)
    return question


def concerns(*, person: AbstractUser, at: dt.datetime) -> list[Concern]:
    """Everything for this person, the urgent first."""
    found = [concern for question in _questions for concern in question(person, at)]
    return sorted(found, key=lambda concern: not concern.urgent)


def listed(names: Iterable[str]) -> str:
    """``a; b; c; and 4 more``"""
    every = list(names)
    more = [f"and {len(every) - NAMED} more"] if len(every) > NAMED else []
    return "; ".join([*every[:NAMED], *more])


def many(number: int, one: str) -> str:
    """``1 call``, ``1,200 calls``"""
    return f"{number:,} {things(number, one)}"


def things(number: int, one: str) -> str:
    """The word alone, where the count stands before it: ``call``, ``calls``"""
    return one if number == 1 else f"{one}s"


@register
def set_up(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    """What has to be there before the first call, in its order, for people who may add it. Four queries."""
    missing = [
        Link(
            f"Add {'an' if kind is ApiKey else 'a'} {kind._meta.verbose_name}",
            reverse(f"admin:{_named(kind)}_add"),
        )
        for kind in (Provider, LanguageModel, Team, ApiKey)
        if person.has_perm(f"catalog.add_{kind._meta.model_name}") and not kind._default_manager.exists()
    ]
    if missing:
        steps = f"{things(len(missing), 'step')} to the first call, in this order."
        yield Concern("set_up", len(missing), steps, tuple(missing), urgent=True)


def _named(kind: type[Model]) -> str:
    return f"{kind._meta.app_label}_{kind._meta.model_name}"


@register
def unpriced_models(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    """Models that can be called and would be booked as of unknown cost."""
    if not person.has_perm("catalog.view_price"):
        return
    if gaps := pricing_gaps.gaps(at=at):
        returns = "it returns" if len(gaps) == 1 else "they return"
        sentence = f"{things(len(gaps), 'model')} can be called without a price for what {returns}"
        page = reverse("admin:catalog_languagemodel_changelist") + "?priced=no"
        yield Concern(
            "gaps",
            len(gaps),
            f"{sentence}: {listed(map(str, gaps))}.",
            (Link("Models without a price", page),),
            urgent=True,
        )


@register
def drafts(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    """Those that this person may decide, and their own that wait for somebody else."""
    if not person.has_perm("catalog.view_priceproposal"):
        return
    makers = PriceProposal.objects.filter(state=PriceProposal.State.OPEN).values_list("from_feed", "made_by")
    name = person.get_username()
    everybody = [is_feed or made_by != name or settings.SELF_APPROVAL for is_feed, made_by in makers]
    theirs, own = sum(everybody), len(everybody) - sum(everybody)
    links = (Link("Open drafts", reverse("admin:catalog_priceproposal_changelist") + "?state__exact=open"),)
    if theirs:
        whose = "your" if person.has_perm("catalog.approve_priceproposal") else "a"
        waits = "waits" if theirs == 1 else "wait"
        yield Concern(
            "drafts", theirs, f"{things(theirs, 'price draft')} {waits} for {whose} decision.", links
        )
    if own:
        waits = "waits" if own == 1 else "wait"
        sentence = f"{things(own, 'price draft')} of your own {waits} for another person's decision."
        yield Concern("own_drafts", own, sentence, links)


@register
def silent_feeds(person: AbstractUser, at: dt.datetime) -> Iterable[Concern]:
    if not person.has_perm("catalog.view_price"):
        return
    if silent := feeds.silent(at=at):
        said = listed(f"{feed.source} on {feed.since:%Y-%m-%d}" for feed in silent)
        sentence = (
            f"{things(len(silent), 'source')} of prices compared with the catalog long ago, last:"
            f" {said}. Run manage.py sync_prices."
        )
        yield Concern("feeds", len(silent), sentence, ())

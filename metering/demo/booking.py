"""Books a plan's events: the teams and keys they need, then entries through metering_settle, then budgets.

Every demo entry carries the tag ``tallygate-demo``, which names the plan. Request ids are part of the plan,
and metering_settle leaves alone what is booked already: the next run finishes one that was interrupted.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from zoneinfo import ZoneInfo

import msgspec
from django.db import connection, transaction
from django.db.models import Q

from catalog import keys, seeding
from catalog.models import ApiKey, LanguageModel, Provider, Team
from catalog.snapshot import PriceRow, price_row
from metering import costing, settling
from metering.bookkeeping import blank_entry, entry_for, lost_entry
from metering.demo import traffic, workloads
from metering.demo.traffic import Event, Plan
from metering.entries import Admission, Call, Entry
from metering.models import CostEntry
from metering.usage import BUCKETS

TAG = "tallygate-demo"
BATCH = 500
PROVIDERS = {
    "gpu-cluster": ("openai_compatible", "http://gpu-cluster.invalid/v1")
}  # .invalid: never resolves
MARK = re.compile(
    r"v1 seed=(-?\d+) days=(\d+) calls=(\d+) until=(\S+) zone=(\S+)"
)  # v1: as traffic draws now


class CannotBook(Exception):
    """The demo has no place here; the message says why and what would do."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where events are booked: primary keys by name, and the prices of each model."""

    teams: Mapping[str, int]
    keys: Mapping[tuple[str, str], int]
    models: Mapping[str, int]
    prices: Mapping[str, tuple[PriceRow, ...]]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the ledger has already: demo entries by plan, and whether real vendors were called."""

    plans: Mapping[str, int]
    real_entries: bool

    def plan_like(self, plan: Plan, *, any_until: bool) -> Plan | None:
        """The plan booked with the same seed and size (and, unless ``any_until``, the same end)."""
        for mark in sorted(self.plans):
            booked = _plan_from(mark)
            if booked and mark_of(replace(booked, until=plan.until) if any_until else booked) == mark_of(
                plan
            ):
                return booked
        return None


def mark_of(plan: Plan) -> str:
    """What the plan's entries are tagged with."""
    until = plan.until.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%MZ")
    return (
        f"v1 seed={plan.seed} days={plan.days} calls={plan.calls_per_day} until={until} zone={plan.zone.key}"
    )


def earlier() -> Earlier:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tags->>%s, count(*) FROM metering_costentry WHERE tags ? %s GROUP BY 1", [TAG, TAG]
        )
        plans: dict[str, int] = dict(cursor.fetchall())
    others = CostEntry.objects.exclude(tags__has_key=TAG).exclude(model__provider__is_sandbox=True)
    return Earlier(plans=plans, real_entries=others.exists())


@transaction.atomic
def prepare(*, at: dt.datetime) -> Places:
    """The catalog, the demo's teams and their keys; what exists is kept. Raises CannotBook."""
    seeding.seed(at=at)
    _add_unpriced_model()
    teams = {department.team: _team(department) for department in workloads.DEPARTMENTS}
    models = _models(workloads.models_used())
    return Places(
        teams={name: team.pk for name, team in teams.items()},
        keys={
            (name, key): _key(team, key).pk for name, team in teams.items() for key in workloads.keys_of(name)
        },
        models={name: model.pk for name, model in models.items()},
        prices={
            name: tuple(price_row(price) for price in model.prices.all()) for name, model in models.items()
        },
    )


def book(plan: Plan, places: Places) -> Iterator[int]:
    """Book everything, a batch a transaction; yields how many events are done."""
    done = 0
    corrections: list[Event] = []
    planned = traffic.events(plan)
    while batch := list(islice(planned, BATCH)):
        corrections += [event for event in batch if event.corrects]
        _settle([entry_from(event, plan, places) for event in batch if not event.corrects])
        done += len(batch)
        yield done
    for event in corrections:
        _correct(event, plan, places)


def entry_from(event: Event, plan: Plan, places: Places) -> Entry:
    """The entry that the gateway would have booked for ``event`` (which is not a correction)."""
    call = _call(event, plan, places)
    if event.from_cache:
        return _cache_hit(call, plan.zone)
    prices = places.prices[event.model]
    bound = costing.bound_for(
        prices,
        at=event.started_at,
        input_tokens=event.input_bound,
        any_variant=False,
        with_cache_writes=event.caches,
        with_audio=False,
    )
    held = bound.base_usd + event.output_bound * bound.usd_per_output_token if bound else None
    tokens = event.input_bound + event.output_bound
    if event.result is None:
        price_id = bound.price_id if bound else None
        return lost_entry(call=call, held_usd=held, held_tokens=tokens, price_id=price_id, zone=plan.zone)
    admission = Admission(
        call=call,
        output_tokens=event.output_bound,
        output_wanted=event.output_bound,
        held_usd=held,
        held_tokens=tokens,
        limited=True,
    )
    return entry_for(admission=admission, result=event.result, prices=prices, zone=plan.zone)


def _call(event: Event, plan: Plan, places: Places) -> Call:
    return Call(
        request_id=event.request_id,
        attempt=event.attempt,
        team_id=places.teams[event.team],
        api_key_id=places.keys[event.team, event.key],
        model_id=places.models[event.model],
        route=event.route,
        started_at=event.started_at,
        streamed=event.streamed,
        tags={"feature": event.feature, TAG: mark_of(plan)},
    )


def _cache_hit(call: Call, zone: ZoneInfo) -> Entry:
    entry = blank_entry(call=call, zone=zone)
    entry.kind = entry.cost_reason = "cache_hit"
    entry.cost = Decimal(0)
    entry.usage_source, entry.status = "reported", 200
    for bucket in BUCKETS:
        setattr(entry, bucket, 0)
    return entry


def _settle(entries: Sequence[Entry]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(settling.SETTLE, [msgspec.json.encode(entries).decode()])


def _correct(event: Event, plan: Plan, places: Places) -> None:
    """A correction books the difference to what it corrects, once."""
    assert event.corrects is not None
    wrong, right = entry_from(event.corrects, plan, places), entry_from(event, plan, places)
    target = CostEntry.objects.get(~Q(kind="correction"), request_id=event.request_id, attempt=event.attempt)
    if target.corrections.filter(note=event.note).exists():
        return
    assert wrong.cost is not None
    assert right.cost is not None
    right.kind, right.corrects_id, right.note = "correction", target.pk, event.note
    right.cost -= wrong.cost
    for bucket in BUCKETS:
        setattr(right, bucket, getattr(right, bucket) - getattr(wrong, bucket))
    right.latency_ms = right.first_byte_ms = right.held = None
    right.overrun = False
    _settle([right])


def _add_unpriced_model() -> None:
    """A model of the company's own that nobody has priced. Its provider is off: it is never called."""
    name, _, model = workloads.SELF_HOSTED.partition("/")
    kind, base_url = PROVIDERS[name]
    provider, _ = Provider.objects.get_or_create(
        name=name, defaults={"kind": kind, "base_url": base_url, "enabled": False}
    )
    LanguageModel.objects.get_or_create(provider=provider, name=model, defaults={"source": "demo"})


def _team(department: workloads.Department) -> Team:
    title = f"{department.title} (demo)"
    team, _ = Team.objects.get_or_create(
        name=department.team, defaults={"title": title, "cost_center": department.cost_center}
    )
    if team.title != title:
        raise CannotBook(
            f"the team {team.name} is yours, and the demo would book its calls on it: give the demo "
            "an installation of its own (TALLYGATE_VAR=/some/directory, or another DATABASE_URL)"
        )
    return team


def _key(team: Team, name: str) -> ApiKey:
    """A key that nobody holds: its secret is thrown away."""
    found = team.api_keys.filter(name=name, revoked_at__isnull=True).first()
    return found or keys.issue(team=team, name=name)[0]


def _models(names: set[str]) -> dict[str, LanguageModel]:
    wanted = Q()
    for name in names:
        provider, _, model = name.partition("/")
        wanted |= Q(provider__name=provider, name=model)
    found = LanguageModel.objects.filter(wanted).select_related("provider").prefetch_related("prices")
    models = {model.full_name: model for model in found}
    if missing := sorted(names - set(models)):
        raise CannotBook(f"the catalog does not have {', '.join(missing)}: the demo needs them")
    return models


def _plan_from(mark: str) -> Plan | None:
    """The plan behind a tag; None when another version drew it."""
    found = MARK.fullmatch(mark)
    if found is None:
        return None
    seed, days, calls, until, zone = found.groups()
    end = dt.datetime.strptime(until, "%Y-%m-%dT%H:%MZ").replace(tzinfo=dt.UTC)
    return Plan(seed=int(seed), days=int(days), calls_per_day=int(calls), until=end, zone=ZoneInfo(zone))

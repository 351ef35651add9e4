"""Reads the catalog snapshot from PostgreSQL through a given connection (no ORM: the calls door is async)."""

import datetime as dt
import os
import re
from collections import defaultdict
from decimal import Decimal
from typing import Any

import structlog
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from catalog import vault
from catalog.models.providers import CREDENTIAL_VARIABLE
from catalog.snapshot import (
    RATES,
    CatalogSnapshot,
    CredentialRow,
    KeyRow,
    ModelRow,
    PriceRow,
    ProviderRow,
    RouteRow,
    TeamRow,
    Timeouts,
)

log = structlog.get_logger(__name__)

NOT_COLUMNS = frozenset({"api_key", "credentials"})
PROVIDERS = """SELECT * FROM catalog_provider WHERE enabled ORDER BY priority, name"""
CREDENTIALS = """SELECT * FROM catalog_credential WHERE enabled ORDER BY provider_id, name"""
MODELS = """
SELECT m.id, m.name, m.provider_id, m.context_window, m.max_output_tokens,
    m.first_byte_timeout, m.first_token_timeout, m.idle_timeout, m.total_timeout
FROM catalog_languagemodel m JOIN catalog_provider p ON p.id = m.provider_id
WHERE m.enabled AND m.provider_id = ANY (%(providers)s) ORDER BY p.priority, p.name, m.name
"""
# Calls in flight were admitted moments ago: a price that has just ended may still be theirs.
PRICES = """
SELECT r.* FROM catalog_price r JOIN catalog_languagemodel m ON m.id = r.model_id
WHERE m.enabled AND m.provider_id = ANY (%(providers)s)
    AND (r.effective_to IS NULL OR r.effective_to > %(at)s - interval '1 day')
ORDER BY r.model_id, r.id
"""
UNSOLD = """
SELECT m.name, p.name AS provider FROM catalog_languagemodel m JOIN catalog_provider p ON p.id = m.provider_id
WHERE m.enabled AND p.enabled AND p.id <> ALL (%(providers)s) ORDER BY p.priority DESC, p.name DESC
"""
ROUTES = """
SELECT r.name, r.strategy, r.cache_ttl, r.on_content_filter, r.hedge_after, r.enabled, t.model_id, t.weight
FROM catalog_route r LEFT JOIN catalog_routetarget t ON t.route_id = r.id
ORDER BY r.name, t.position
"""
# A key has one secret, and while callers change over those that it had before. Who comes too late is told so
# for a month, and then that there is no such key. Of a key that expired itself no secret goes on working.
KEYS = """
SELECT k.id, k.name, s.prefix, s.digest, k.models, least(k.expires_at, s.ends_at) AS expires_at,
    CASE WHEN k.expires_at <= greatest(s.ends_at, %(at)s) THEN NULL ELSE s.replaced_at END AS replaced_at,
    t.id AS team_id, t.name AS team_name, t.models AS team_models
FROM catalog_apikey k JOIN catalog_team t ON t.id = k.team_id
CROSS JOIN LATERAL (
    SELECT k.prefix, k.digest, NULL::timestamptz AS ends_at, NULL::timestamptz AS replaced_at
    UNION ALL
    SELECT f.prefix, f.digest, f.ends_at, f.replaced_at FROM catalog_formersecret f
    WHERE f.key_id = k.id AND f.ends_at > %(at)s - interval '30 days'
) s
WHERE k.revoked_at IS NULL AND t.enabled
"""


async def load(connection: AsyncConnection[Any], *, at: dt.datetime) -> CatalogSnapshot:
    """The catalog as of the connection's transaction. Raises psycopg errors; changes nothing."""
    further = _further_credentials(await _rows(connection, CREDENTIALS))
    usable = {
        row["id"]: provider
        for row in await _rows(connection, PROVIDERS)
        if (provider := _provider(row, further[row["id"]])) is not None
    }
    parameters = {"at": at, "providers": list(usable)}
    prices = _prices(await _rows(connection, PRICES, parameters))
    models = {
        row["id"]: ModelRow(
            id=row["id"],
            name=row["name"],
            provider=usable[row["provider_id"]],
            context_window=row["context_window"],
            max_output_tokens=row["max_output_tokens"],
            prices=prices.get(row["id"], ()),
            own_timeouts=Timeouts(
                row["first_byte_timeout"],
                row["first_token_timeout"],
                row["idle_timeout"],
                row["total_timeout"],
            ),
        )
        for row in await _rows(connection, MODELS, parameters)
    }
    return CatalogSnapshot(
        keys={row["prefix"]: _key(row) for row in await _rows(connection, KEYS, parameters)},
        routes=_public_names(models, await _rows(connection, ROUTES)),
        providers=usable,
        models=models,
        unsold=_unsold(await _rows(connection, UNSOLD, parameters)),
    )


async def _rows(
    connection: AsyncConnection[Any], query: str, parameters: dict[str, Any] | None = None
) -> list[DictRow]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchall()


def _unsold(rows: list[DictRow]) -> dict[str, str]:
    """To the names of models the first of their providers, of those that need a credential and have none."""
    found = {row["name"]: row["provider"] for row in rows}
    return found | {f"{row['provider']}/{row['name']}": row["provider"] for row in rows}


def _provider(row: DictRow, further: list[CredentialRow]) -> ProviderRow | None:
    """The provider with its credentials in hand; None when it needs one and has none."""
    own = _credential(row, kind=row["kind"], provider=row["name"])
    credentials = [CredentialRow(id=0, name="default", secret=own)] if own is not None else []
    if own == "" and further:  # an endpoint that could do without, but is given some
        credentials = []
    credentials += further
    if not credentials:
        return None
    fields = {name: row[name] for name in ProviderRow.__dataclass_fields__ if name not in NOT_COLUMNS}
    fields["base_url"] = fields["base_url"].rstrip("/")
    fields["serves_responses"] = row["serves_responses"] or row["kind"] == "openai"
    return ProviderRow(api_key=credentials[0].secret, credentials=tuple(credentials), **fields)


def _further_credentials(rows: list[DictRow]) -> dict[int, list[CredentialRow]]:
    """The usable ones beside a provider's own, by provider."""
    found: dict[int, list[CredentialRow]] = defaultdict(list)
    for row in rows:
        secret = _credential(row, kind="", provider=f"{row['provider_id']} {row['name']}")
        if secret is not None:
            found[row["provider_id"]].append(
                CredentialRow(id=row["id"], name=row["name"], secret=secret, weight=row["weight"])
            )
    return found


def _credential(row: DictRow, *, kind: str, provider: str) -> str | None:
    if row["api_key_encrypted"]:
        try:
            return vault.decrypt(row["api_key_encrypted"])
        except vault.CredentialUnreadable:
            log.error("credential_unreadable", provider=provider, what_to_do="enter it again in the admin")
            return None
    if row["api_key_env"]:
        if not re.fullmatch(CREDENTIAL_VARIABLE, row["api_key_env"]):  # the database refuses it, too
            log.error("credential_variable_refused", provider=provider, variable=row["api_key_env"])
            return None
        return os.environ.get(row["api_key_env"]) or None
    return "" if kind == "openai_compatible" else None  # a local server may need none


def _prices(rows: list[DictRow]) -> dict[int, tuple[PriceRow, ...]]:
    by_model: dict[int, list[PriceRow]] = defaultdict(list)
    for row in rows:
        by_model[row["model_id"]].append(
            PriceRow(
                rates={name: _decimal(row[name]) for name in RATES},
                **{name: row[name] for name in PriceRow.__dataclass_fields__ if name != "rates"},
            )
        )
    return {model: tuple(prices) for model, prices in by_model.items()}


def _decimal(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.normalize()


def _names(models: dict[int, ModelRow]) -> dict[str, RouteRow]:
    """Every model as ``provider/model``, and by its bare name over all that sell it, in priority order."""
    sellers: dict[str, list[ModelRow]] = defaultdict(list)
    names: dict[str, RouteRow] = {}
    for model in models.values():  # ordered by priority
        sellers[model.name].append(model)
        names[model.full_name] = RouteRow(name=model.full_name, strategy="ordered", targets=((model, 1),))
    for name, selling in sellers.items():
        names.setdefault(
            name,
            RouteRow(
                name=name,
                strategy="ordered",
                targets=tuple((model, 1) for model in selling),
                by_name=True,
            ),
        )
    return names


def _public_names(models: dict[int, ModelRow], routes: list[DictRow]) -> dict[str, RouteRow]:
    """Models by their names, and routes before them: a disabled route hides a model of the same name."""
    names = _names(models)
    grouped: dict[str, list[DictRow]] = defaultdict(list)
    for row in routes:
        grouped[row["name"]].append(row)
    for name, rows in grouped.items():
        if rows[0]["enabled"]:
            names[name] = _route(name, rows, models)
        else:
            names.pop(name, None)
    return names


def _route(name: str, rows: list[DictRow], models: dict[int, ModelRow]) -> RouteRow:
    """A route over those of its targets that can be called; it may have none."""
    return RouteRow(
        name=name,
        strategy=rows[0]["strategy"],
        targets=tuple((models[row["model_id"]], row["weight"]) for row in rows if row["model_id"] in models),
        cache_ttl=rows[0]["cache_ttl"],
        on_content_filter=rows[0]["on_content_filter"],
        hedge_after=rows[0]["hedge_after"],
    )


def _key(row: DictRow) -> KeyRow:
    return KeyRow(
        id=row["id"],
        name=row["name"],
        prefix=row["prefix"],
        digest=row["digest"],
        models=tuple(row["models"]),
        expires_at=row["expires_at"],
        replaced_at=row["replaced_at"],
        team=TeamRow(id=row["team_id"], name=row["team_name"], models=tuple(row["team_models"])),
    )

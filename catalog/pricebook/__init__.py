"""genai-prices as plain rows in our terms: vendors, models, prices. Pure: no clock, no database.

The package gives prices per unit with tiers, start dates, hours of the day and partial variants. Ours is a
flat row for each (variant, threshold, hours, period). What has no place in a row is named in its ``note``,
what cannot become a row at all is an ``Omission``: nothing is silently free.
"""

from collections.abc import Iterator
from functools import cache
from importlib import metadata

from genai_prices import data_snapshot, types

from catalog import vendors
from catalog.pricebook import conversion
from catalog.pricebook.conversion import BEGINNING, NOT_TEXT_UNITS, NOTE_LENGTH, UNITS
from catalog.pricebook.rows import ModelRow, Omission, PriceBook, PriceRow, VendorRow

NAME = "genai-prices"

__all__ = [
    "BEGINNING",
    "NAME",
    "NOTE_LENGTH",
    "UNITS",
    "ModelRow",
    "Omission",
    "PriceBook",
    "PriceRow",
    "VendorRow",
    "read",
    "translate",
]


@cache
def read() -> PriceBook:
    """The installed package as a price book. Takes about two seconds once; no network."""
    return translate(
        providers=data_snapshot.get_snapshot().providers,
        source=f"{NAME} {metadata.version(NAME)}",
    )


def translate(*, providers: list[types.Provider], source: str) -> PriceBook:
    """The vendors of ``vendors.VENDORS`` that ``providers`` knows, with their text models and prices."""
    known = {provider.id: provider for provider in providers}
    rows: list[VendorRow] = []
    omissions: list[Omission] = []
    for vendor in vendors.VENDORS:
        if vendor.book not in known:
            omissions.append(Omission(vendor.name, "", "not in the package"))
            continue
        models: dict[str, ModelRow] = {}
        for info in known[vendor.book].models:
            if reason := _unfit(vendor, info):
                omissions.append(Omission(vendor.name, info.id, reason))
                continue
            prices, dropped = conversion.rows_of(info)
            omissions += [Omission(vendor.name, info.id, reason) for reason in dropped]
            if not prices:
                continue
            for name in _names(vendor, info, known[vendor.book].models):
                models.setdefault(name, _model(vendor, info, name, prices))
        rows.append(VendorRow(vendor, tuple(models.values())))
    return PriceBook(source, tuple(rows), tuple(omissions))


def _unfit(vendor: vendors.Vendor, info: types.ModelInfo) -> str:
    """Why a model is left out; empty when it belongs in the book."""
    units = {unit for entry in conversion.entries(info) for unit in conversion.units(entry.prices)}
    if not units:
        return "no price in the package"
    if "input_mtok" not in units or units & NOT_TEXT_UNITS or vendors.NOT_TEXT.search(info.id):
        return "not a chat, text or embedding model"
    if vendor.kind == "gemini" and not info.id.startswith(("gemini", "gemma")):
        return "sold by Vertex AI, not by the Gemini API"
    if vendor.name == "openrouter" and "/" not in info.id:
        return "not an id that OpenRouter accepts (they are vendor/model)"
    return ""


def _names(vendor: vendors.Vendor, info: types.ModelInfo, models: list[types.ModelInfo]) -> list[str]:
    """The ids by which the vendor sells a model, the main one first."""
    exact = list(_exact(info.match))
    main = info.id
    if not info.match.is_match(main):  # a name of the package's own, as for Fireworks and Mistral's families
        main = exact[0] if exact else f"{main}-latest"
    if not vendor.aliases:
        return [main]
    taken = {other.id for other in models} - {main}
    extra = [*exact, *(vendors.DATED.get(info.id, ()) if vendor.kind == "anthropic" else ())]
    return [
        main,
        *(
            n
            for n in dict.fromkeys(extra)
            if n not in taken | {main}
            and not vendors.NOT_AN_ALIAS.search(n)
            and not vendors.NOT_TEXT.search(n)
        ),
    ]


def _exact(clause: types.MatchLogic) -> Iterator[str]:
    if isinstance(clause, types.ClauseEquals):
        yield clause.equals
    elif isinstance(clause, types.ClauseOr):
        for part in clause.or_:
            yield from _exact(part)


def _model(
    vendor: vendors.Vendor, info: types.ModelInfo, name: str, prices: tuple[PriceRow, ...]
) -> ModelRow:
    return ModelRow(
        name=name,
        context_window=info.context_window or vendors.CONTEXT.get((vendor.name, info.id)),
        max_output_tokens=vendors.max_output_tokens(vendor=vendor.name, model=name),
        capabilities=vendors.capabilities(name),
        prices=prices,
    )

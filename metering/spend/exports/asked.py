"""What the URL of a FOCUS file asks for."""

from collections.abc import Mapping
from dataclasses import dataclass

from catalog.visibility import Visibility
from metering.closing import months
from metering.focus import asked, exporting
from metering.focus.asked import Export, Unusable
from metering.spend.filters import BadFilter

FORMS = {
    "csv": "CSV",
    "parquet": "Parquet",
    "json": "Summary of the file (JSON): its sums, and what it leaves out",
    "billing-period": "BillingPeriod dataset (CSV, from FOCUS 1.4)",
}


@dataclass(frozen=True, slots=True)
class Download:
    export: Export
    form: str  # of FORMS

    @property
    def name(self) -> str:
        """Of the file, as it is offered to be saved."""
        month, version = months.written(self.export.month), self.export.version
        if self.form == "billing-period":
            return f"focus-billing-period-{month}.csv"
        return f"focus-{version}-{month}-{self.export.billed_cost}.{self.form}"


def download(query: Mapping[str, str], *, visibility: Visibility) -> Download:
    """Of the teams that may be seen. Raises BadFilter."""
    form = query.get("format", "csv")
    if form not in FORMS:
        raise BadFilter(f"There is no format {form!r}: choose one of {', '.join(FORMS)}.")
    try:
        export = exporting.asked(
            month=months.parse(query.get("month", "")),
            version=asked.version(query.get("version", "1.2")),
            billed_cost=asked.billed_cost(query.get("billed_cost", "vendor")),
            by_tags=query.get("by_tags") == "yes",
            teams=visibility.team_ids,
        )
    except (months.NoMonth, Unusable) as error:
        raise BadFilter(f"{error}.") from error
    return Download(export, form)

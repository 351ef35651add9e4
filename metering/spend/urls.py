"""The URLs under /spend/."""

from django.urls import path

from metering.spend import downloads
from metering.spend.anomalies import views as anomaly_views
from metering.spend.bridge import urls as bridge_urls
from metering.spend.budgets import views as budget_views
from metering.spend.claims import views as claims_views
from metering.spend.economics import urls as economics_urls
from metering.spend.explorer import views as entry_views
from metering.spend.exports import views as focus_views
from metering.spend.forecast import views as forecast_views
from metering.spend.months import urls as closing_urls
from metering.spend.overview import views as overview_views
from metering.spend.reconciliation import urls as reconciliation_urls
from metering.spend.teams import urls as team_urls
from metering.spend.whatif import views as what_if_views

app_name = "spend"
urlpatterns = [
    path("", overview_views.report, name="report"),
    *downloads.paths("export", overview_views.report_file, name="report"),
    *downloads.paths("days", overview_views.days_file, name="days"),
    path("views/", overview_views.save_view, name="save_view"),
    path("views/<int:view_id>/", overview_views.change_view, name="change_view"),
    path("views/<int:view_id>/delete/", overview_views.delete_view, name="delete_view"),
    path("entries/", entry_views.entry_list, name="entries"),
    path("entries/find/", entry_views.find, name="find"),
    path("entries/export.csv", entry_views.entry_list_csv, name="entries_csv"),
    path("entries/export.xlsx", entry_views.entry_list_xlsx, name="entries_xlsx"),
    path("entries/<uuid:request_id>/", entry_views.request_detail, name="request"),
    path("anomalies/", anomaly_views.anomaly_list, name="anomalies"),
    *downloads.paths("anomalies/export", anomaly_views.anomaly_file, name="anomalies"),
    path("what-if/", what_if_views.what_if, name="what_if"),
    *downloads.paths("what-if/export", what_if_views.what_if_file, name="what_if"),
    path("forecast/", forecast_views.forecast, name="forecast"),
    *downloads.paths("forecast/<slug:table>", forecast_views.forecast_file, name="forecast"),
    path("budgets/", budget_views.budget_list, name="budgets"),
    *downloads.paths("budgets/export", budget_views.budget_file, name="budgets"),
    *downloads.paths("budgets/raises", budget_views.raise_file, name="raises"),
    path("budgets/<int:limit_id>/", budget_views.budget, name="budget"),
    *downloads.paths("budgets/<int:limit_id>/raises", budget_views.raise_file, name="budget_raises"),
    path("budgets/<int:limit_id>/raises/", budget_views.ask, name="ask_raise"),
    path("raises/<int:raise_id>/", budget_views.decide, name="decide_raise"),
    path("claims/", claims_views.claim_list, name="claims"),
    *downloads.paths("claims/export", claims_views.claim_file, name="claims"),
    *downloads.paths("claims/vendors", claims_views.vendor_file, name="claims_vendors"),
    path("exports/", focus_views.exports, name="exports"),
    path("exports/focus/", focus_views.focus_file, name="focus_file"),
    *bridge_urls.urlpatterns,
    *closing_urls.urlpatterns,
    *economics_urls.urlpatterns,
    *reconciliation_urls.urlpatterns,
    *team_urls.urlpatterns,
]

"""The URLs under /spend/."""

from django.urls import path

from metering.spend import views
from metering.spend.anomalies import views as anomaly_views
from metering.spend.budgets import views as budget_views
from metering.spend.claims import views as claims_views
from metering.spend.exports import views as focus_views
from metering.spend.months import urls as closing_urls
from metering.spend.reconciliation import urls as reconciliation_urls

app_name = "spend"
urlpatterns = [
    path("", views.report, name="report"),
    path("export.csv", views.report_csv, name="report_csv"),
    path("entries/", views.entry_list, name="entries"),
    path("entries/export.csv", views.entry_list_csv, name="entries_csv"),
    path("entries/<uuid:request_id>/", views.request_detail, name="request"),
    path("anomalies/", anomaly_views.anomaly_list, name="anomalies"),
    path("anomalies/export.csv", anomaly_views.anomaly_csv, name="anomalies_csv"),
    path("budgets/", budget_views.budget_list, name="budgets"),
    path("budgets/<int:limit_id>/", budget_views.budget, name="budget"),
    path("budgets/<int:limit_id>/raises/", budget_views.ask, name="ask_raise"),
    path("raises/<int:raise_id>/", budget_views.decide, name="decide_raise"),
    path("claims/", claims_views.claim_list, name="claims"),
    path("claims/export.csv", claims_views.claim_csv, name="claims_csv"),
    path("exports/", focus_views.exports, name="exports"),
    path("exports/focus/", focus_views.focus_file, name="focus_file"),
    *closing_urls.urlpatterns,
    *reconciliation_urls.urlpatterns,
]

"""The URLs under /spend/reconciliation/. Months are written as those of metering.spend.closing_urls."""

from django.urls import path

from metering.spend import (
    closing_urls,  # noqa: F401 - it registers how months are written
    reconciliation_pack,
    reconciliation_views,
)

VENDOR = "reconciliation/<str:provider>/<month:month>/"

reconciliation_pack.register()

urlpatterns = [
    path("reconciliation/", reconciliation_views.overview, name="reconciliation"),
    path("reconciliation/export.csv", reconciliation_views.overview_csv, name="reconciliation_csv"),
    path("reconciliation/upload/", reconciliation_views.upload, name="reconciliation_upload"),
    path(VENDOR, reconciliation_views.vendor_month, name="reconciliation_vendor"),
    path(f"{VENDOR}export.csv", reconciliation_views.vendor_month_csv, name="reconciliation_vendor_csv"),
    path(f"{VENDOR}compare/", reconciliation_views.compare, name="reconciliation_compare"),
    path(
        f"{VENDOR}runs/<int:run>/rows/<int:number>/",
        reconciliation_views.explain,
        name="reconciliation_explain",
    ),
    path(f"{VENDOR}runs/<int:run>/sign/", reconciliation_views.sign, name="reconciliation_sign"),
    path(f"{VENDOR}signatures/<int:sign_off>/", reconciliation_views.second, name="reconciliation_second"),
]

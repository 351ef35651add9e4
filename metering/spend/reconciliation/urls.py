"""The URLs under /spend/reconciliation/. Months are written as those of metering.spend.months.urls."""

from django.urls import path

from metering.spend.months import urls as closing_urls  # noqa: F401 - it registers how months are written
from metering.spend.reconciliation import pack as reconciliation_pack
from metering.spend.reconciliation import views

VENDOR = "reconciliation/<str:provider>/<month:month>/"

reconciliation_pack.register()

urlpatterns = [
    path("reconciliation/", views.overview, name="reconciliation"),
    path("reconciliation/export.csv", views.overview_csv, name="reconciliation_csv"),
    path("reconciliation/upload/", views.upload, name="reconciliation_upload"),
    path(VENDOR, views.vendor_month, name="reconciliation_vendor"),
    path(f"{VENDOR}export.csv", views.vendor_month_csv, name="reconciliation_vendor_csv"),
    path(f"{VENDOR}compare/", views.compare, name="reconciliation_compare"),
    path(
        f"{VENDOR}runs/<int:run>/rows/<int:number>/",
        views.explain,
        name="reconciliation_explain",
    ),
    path(f"{VENDOR}runs/<int:run>/models/", views.explain_all, name="reconciliation_explain_all"),
    path(f"{VENDOR}runs/<int:run>/sign/", views.sign, name="reconciliation_sign"),
    path(f"{VENDOR}signatures/<int:sign_off>/", views.second, name="reconciliation_second"),
]

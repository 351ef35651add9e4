"""The URLs under /spend/reconciliation/. Months are written as those of metering.spend.months.urls."""

from django.urls import path

from metering.spend import downloads
from metering.spend.months import urls as closing_urls  # noqa: F401 - it registers how months are written
from metering.spend.reconciliation import pack as reconciliation_pack
from metering.spend.reconciliation import views

VENDOR = "reconciliation/<str:provider>/<month:month>/"

reconciliation_pack.register()

urlpatterns = [
    path("reconciliation/", views.overview, name="reconciliation"),
    *downloads.paths("reconciliation/export", views.overview_file, name="reconciliation"),
    path("reconciliation/upload/", views.upload, name="reconciliation_upload"),
    path(VENDOR, views.vendor_month, name="reconciliation_vendor"),
    *downloads.paths(f"{VENDOR}export", views.vendor_month_file, name="reconciliation_vendor"),
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

"""The URLs under /spend/."""

from django.urls import path

from metering.spend import views

app_name = "spend"
urlpatterns = [
    path("", views.report, name="report"),
    path("export.csv", views.report_csv, name="report_csv"),
    path("entries/", views.entry_list, name="entries"),
    path("entries/export.csv", views.entry_list_csv, name="entries_csv"),
    path("entries/<uuid:request_id>/", views.request_detail, name="request"),
]

"""The URLs under /spend/reliability/, mounted there by gateway_project."""

from django.urls import path

from metering.spend import downloads
from proxy.pages import views

app_name = "reliability"
urlpatterns = [
    path("", views.report, name="report"),
    *downloads.paths("export", views.report_file, name="report"),
    *downloads.paths("failures", views.failures_file, name="failures"),
]

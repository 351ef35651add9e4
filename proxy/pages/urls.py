"""The URLs under /spend/reliability/, mounted there by gateway_project."""

from django.urls import path

from proxy.pages import views

app_name = "reliability"
urlpatterns = [
    path("", views.report, name="report"),
    path("export.csv", views.report_csv, name="report_csv"),
    path("failures.csv", views.failures_csv, name="failures_csv"),
]

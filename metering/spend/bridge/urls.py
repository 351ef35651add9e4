"""The URLs under /spend/bridge/."""

from django.urls import path

from metering.spend.bridge import views

urlpatterns = [
    path("bridge/", views.bridge, name="bridge"),
    path("bridge/export.csv", views.bridge_csv, name="bridge_csv"),
]

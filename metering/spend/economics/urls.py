"""The URLs under /spend/economics/."""

from django.urls import path

from metering.spend.economics import views

urlpatterns = [
    path("economics/", views.economics, name="economics"),
    path("economics/<slug:table>.csv", views.economics_csv, name="economics_csv"),
]

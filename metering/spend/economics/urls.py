"""The URLs under /spend/economics/."""

from django.urls import path

from metering.spend import downloads
from metering.spend.economics import views

urlpatterns = [
    path("economics/", views.economics, name="economics"),
    *downloads.paths("economics/<slug:table>", views.economics_file, name="economics"),
]

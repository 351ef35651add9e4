"""The URLs under /spend/bridge/."""

from django.urls import path

from metering.spend import downloads
from metering.spend.bridge import views

urlpatterns = [
    path("bridge/", views.bridge, name="bridge"),
    *downloads.paths("bridge/export", views.bridge_file, name="bridge"),
]

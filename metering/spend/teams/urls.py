"""The URLs of teams and keys, under /spend/."""

from django.urls import path

from metering.spend import downloads
from metering.spend.teams import actions, tables, views

urlpatterns = [
    path("teams/", views.team_list, name="teams"),
    path("teams/<slug:name>/", views.team, name="team"),
    path("teams/<slug:name>/keys/new/", actions.new_key, name="new_key"),
    path("keys/<slug:prefix>/", views.key, name="key"),
    *downloads.paths("teams/export", tables.team_list, name="teams"),
    *downloads.paths("teams/<slug:name>/models", tables.team_models, name="team_models"),
    *downloads.paths("teams/<slug:name>/keys", tables.team_keys, name="team_keys"),
    *downloads.paths("keys/<slug:prefix>/models", tables.key_models, name="key_models"),
    path("keys/<slug:prefix>/rotate/", actions.rotate, name="rotate_key"),
    path("keys/<slug:prefix>/end-old/", actions.end_old, name="end_old_secret"),
    path("keys/<slug:prefix>/revoke/", actions.revoke, name="revoke_key"),
]

"""The URLs of teams and keys, under /spend/."""

from django.urls import path

from metering.spend.teams import actions, views

urlpatterns = [
    path("teams/", views.team_list, name="teams"),
    path("teams/<slug:name>/", views.team, name="team"),
    path("teams/<slug:name>/keys/new/", actions.new_key, name="new_key"),
    path("keys/<slug:prefix>/", views.key, name="key"),
    path("keys/<slug:prefix>/rotate/", actions.rotate, name="rotate_key"),
    path("keys/<slug:prefix>/end-old/", actions.end_old, name="end_old_secret"),
    path("keys/<slug:prefix>/revoke/", actions.revoke, name="revoke_key"),
]

"""The admin of the catalog: providers, models, prices, routes, teams, keys, and the people who log in."""

from django.contrib import admin

from catalog.admin import generics  # isort: skip  # before the modules below, which are written with it
from catalog.admin import access, audit, drafts, people, prices, providers, routes

__all__ = ["access", "audit", "drafts", "generics", "people", "prices", "providers", "routes"]

admin.site.site_header = "Tallygate"
admin.site.site_title = "Tallygate"
admin.site.index_title = "Administration"
admin.site.enable_nav_sidebar = False  # its width is the lists': they fit 1280 pixels

"""The URLs under /try/, mounted there by gateway_project."""

from django.urls import path

from proxy.playground import views

app_name = "playground"
urlpatterns = [
    path("", views.page, name="page"),
    path("cost/<uuid:request_id>/", views.cost, name="cost"),
]

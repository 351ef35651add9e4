"""The people's URLs. The calls' URLs are in proxy/urls.py; gateway_project/asgi.py chooses the door."""

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path
from django.views.generic import RedirectView

from gateway_project import admin_door, login

admin.site.login_form = login.AdminLoginForm

handler500 = "gateway_project.unreachable.failed"

urlpatterns = [
    path("", RedirectView.as_view(url="/spend/"), name="home"),
    path(
        "login/",
        auth_views.LoginView.as_view(template_name="login.html", authentication_form=login.LoginForm),
        name="login",
    ),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("spend/reliability/", include("proxy.pages.urls")),
    path("spend/", include("metering.spend.urls")),
    path("try/", include("proxy.playground.urls")),
    path("admin/login/", admin_door.login),
    path("admin/", admin.site.urls),
]

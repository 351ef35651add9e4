"""The admin's login: the one of the whole house. Who has logged in and may not open it is told so."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse


@login_not_required
def login(request: HttpRequest) -> HttpResponseBase:
    """Stands before the admin's own form, which lets nobody in but staff: leads would try in vain."""
    if request.method == "POST" or admin.site.has_permission(request):
        return admin.site.login(request)
    if request.user.is_authenticated:
        raise PermissionDenied
    wanted = request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index")
    return redirect_to_login(wanted, settings.LOGIN_URL)  # which checks that it is an address of ours


__all__ = ["login"]

"""The people who log in. Only a superuser makes superusers, or touches one."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest

from catalog.admin.policies import NobodyDeletes
from catalog.admin.reasons import SaysWhy

admin.site.unregister(User)


@admin.register(User)
class PeopleAdmin(SaysWhy, NobodyDeletes, UserAdmin):  # type: ignore[type-arg]
    """People leave by ``active`` off: their name stays in the history of what they changed."""

    reason_on_add = False
    list_display = ["username", "email", "roles", "is_active", "is_staff", "is_superuser", "last_login"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="roles")
    def roles(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all()) or "none"

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """A name is for good: what somebody drafted or decided is kept under it."""
        fixed = tuple(super().get_readonly_fields(request, obj))
        if _is_superuser(request):
            return fixed
        named = ("username",) if obj is not None else ()
        return (*fixed, *named, "is_superuser", "user_permissions")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or not obj.is_superuser or _is_superuser(request))


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))

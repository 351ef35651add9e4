"""Lets ``ModelAdmin[Team]`` be written: the type checker's stubs are generic, Django's classes are not (until 6.x).

Imported for its effect, before any ModelAdmin is defined; ``ModelAdmin[Team]`` is then ModelAdmin itself.
"""

from django.contrib.admin.options import BaseModelAdmin
from django.core.paginator import Paginator
from django.forms.models import BaseModelForm

for plain in (BaseModelAdmin, BaseModelForm, Paginator):
    if not hasattr(plain, "__class_getitem__"):
        plain.__class_getitem__ = classmethod(lambda cls, *_: cls)  # type: ignore[attr-defined]

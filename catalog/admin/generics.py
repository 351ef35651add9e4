"""Lets ``ModelAdmin[Team]`` be written: the type checker's stubs are generic, Django's classes are not.

Imported for its effect, before any ModelAdmin is defined; ``ModelAdmin[Team]`` is then ModelAdmin itself.
"""

from typing import Any

from django.contrib.admin.options import BaseModelAdmin
from django.core.paginator import Paginator
from django.forms.models import BaseModelForm

PLAIN: tuple[Any, ...] = (BaseModelAdmin, BaseModelForm, Paginator)
for plain in PLAIN:
    if not hasattr(plain, "__class_getitem__"):
        plain.__class_getitem__ = classmethod(lambda cls, *_: cls)

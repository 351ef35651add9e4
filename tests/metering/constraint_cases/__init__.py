"""Every constraint of metering's tables, by name. Each module here has the ``CASES`` of some tables."""

import importlib
import pkgutil

from tests.metering.constraint_cases.case import Case


def gathered() -> dict[str, Case]:
    modules = [
        importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    ]
    return {name: case for module in modules for name, case in getattr(module, "CASES", {}).items()}

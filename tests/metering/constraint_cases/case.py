"""What a case is."""

from collections.abc import Callable
from typing import Any

from tests.metering.house import House

Build = Callable[[House], Any]
Case = tuple[Build, Build]  # makes a row that passes; makes one that raises

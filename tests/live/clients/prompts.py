"""What clients ask the fake vendors; the phrases are those of proxy/sandbox/plan.py."""

import base64
from typing import Any

from pydantic import BaseModel

TWO_IN_TURN = 'use tool add with {"a": 2, "b": 3} then use tool multiply with {"a": 5, "b": 4}'
TWO_AT_ONCE = 'use tool add with {"a": 2, "b": 3} and use tool multiply with {"a": 5, "b": 4}'
CALLS_AT_ONCE = [("add", {"a": 2, "b": 3}), ("multiply", {"a": 5, "b": 4})]

# One red pixel.
IMAGE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)
IMAGE_BASE64 = base64.b64encode(IMAGE).decode()
IMAGE_URL = f"data:image/png;base64,{IMAGE_BASE64}"
DESCRIBE = "describe the image"
DESCRIBED = f"I see [image image/png {len(IMAGE)} bytes]"

NUMBERS: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


class City(BaseModel):
    """What structured output is asked for."""

    name: str
    inhabitants: int


CITY = City(name="example", inhabitants=1)  # the fakes' example of it

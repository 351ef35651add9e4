"""``manage.py sandbox``: fake vendors for trying the product without keys."""

import os
import signal
import threading
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from proxy.sandbox import server


class Command(BaseCommand):
    """Serve the three vendors' wire formats on one port until interrupted."""

    help = (
        "Fake OpenAI (http://HOST:PORT/v1), Anthropic and Gemini (http://HOST:PORT) on one port. Any key is "
        "accepted unless it starts with 'bad'. Knobs: x-sandbox-* request headers or PUT /control. To "
        "make one vendor fail: "
        "curl -X PUT http://HOST:PORT/control "
        """-d '{"rules": [{"match": {"vendor": "anthropic"}, "status": 503}]}' """
        "(DELETE makes it well again); docs/reliability.md says what to watch then."
    )
    requires_system_checks = ()  # needs neither the database nor the URLs

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen and how to behave by default."""
        parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
        parser.add_argument(
            "--with-parent", action="store_true", help="end when the process that started it has ended"
        )
        parser.add_argument("--seed", type=int, default=0, help="of the random numbers behind probabilities")

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve."""
        if options["with_parent"]:
            threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
        server.serve(
            host=options["host"],
            port=options["port"],
            latency=options["latency"],
            seed=options["seed"],
            announce=self._announce,
        )

    def _announce(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _end_with(parent: int) -> None:
    """A parent killed with ``kill -9`` cannot end us: look whether it still is our parent."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)

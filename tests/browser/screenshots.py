"""Screenshots of every page, light and dark, from the demo's ninety days: ``make screenshots``.

Everything happens in a state of its own (TALLYGATE_VAR) with an embedded PostgreSQL; the pictures go to
docs/images/pages. Text in them is of today, so they differ from day to day.
"""

import io
import os
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "images" / "pages"
WIDTH, HIGHEST = 1280, 1500  # pixels
COLOURS = 160
PERSON, PASSWORD = "screenshots", "only for a minute"


def main() -> None:
    os.environ.setdefault("TALLYGATE_VAR", str(ROOT / "var" / "screenshots"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
    import django

    from gateway_project import embedded_postgres, env

    os.environ["DATABASE_URL"] = embedded_postgres.ensure_running(env.var_dir() / "postgres")
    django.setup()
    found = _prepared()
    FOLDER.mkdir(parents=True, exist_ok=True)
    _photograph(found)


def _prepared() -> dict[str, str]:
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from tests.browser.every_page import addresses

    call_command("demo")
    if not User.objects.filter(username=PERSON).exists():
        User.objects.create_superuser(PERSON, password=PASSWORD)
        _close_the_first_month()
    return addresses()


def _close_the_first_month() -> None:
    """So that there is a statement, and its chain."""
    from django.conf import settings
    from django.utils import timezone

    from metering.closing import obstacles, steps
    from metering.models import DailySpend

    month, at, zone = (
        DailySpend.objects.earliest("period").period,
        timezone.now(),
        ZoneInfo(settings.TIME_ZONE),
    )
    steps.begin(month=month, at=at, zone=zone)
    for one in obstacles.found(month=month, zone=zone):
        obstacles.waive(
            month=month, kind=one.kind, subject=one.subject, reason="a demo", by="ann", at=at, zone=zone
        )
    steps.finish(month=month, by="bob", at=at, zone=zone)


def _photograph(found: dict[str, str]) -> None:
    from django.test.testcases import LiveServerThread
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import FLAGS, chromium

    server = LiveServerThread("127.0.0.1", lambda application: application, connections_override={})
    server.daemon = True
    server.start()
    server.is_ready.wait()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for scheme in ("light", "dark"):
            page = browser.new_context(
                viewport={"width": WIDTH, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
            ).new_page()
            _log_in(page, f"http://127.0.0.1:{server.port}")
            for name, address in found.items():
                page.goto(f"http://127.0.0.1:{server.port}{address}")
                page.wait_for_selector(".chart[data-figure]:not([data-drawn])", state="detached")
                _keep(page, FOLDER / f"{name}-{scheme}.png")
                sys.stdout.write(f"{name} ({scheme})\n")
        browser.close()


def _log_in(page: Any, url: str) -> None:
    page.goto(f"{url}/login/")
    page.fill("[name=username]", PERSON)
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url(f"{url}/spend/")


def _keep(page: Any, path: Path) -> None:
    """With few colours: the pictures are a tenth as large, and look the same."""
    from PIL import Image

    height = page.evaluate("document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": min(height, HIGHEST)}
    taken = Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip))).convert("RGB")
    taken.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()

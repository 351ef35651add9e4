#!/usr/bin/env python3
"""Tallygate's commands. ``manage.py help`` lists them; ``manage.py serve`` runs the gateway."""

import importlib.util
import os
import sys
from pathlib import Path

NEED_NO_DATABASE = {"sandbox", "drill", "help", "version", "--help", "-h", "--version", "makemigrations"}
VENV_PYTHON = Path(__file__).resolve().parent / ".venv" / "bin" / "python"


def main() -> None:
    use_the_virtual_environment()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
    from gateway_project import env

    wants_help = bool({"--help", "-h"} & set(sys.argv))
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    try:
        if not os.environ.get("DATABASE_URL") and command not in NEED_NO_DATABASE and not wants_help:
            from gateway_project import embedded_postgres

            os.environ["DATABASE_URL"] = embedded_postgres.ensure_running(env.var_dir() / "postgres")
        from django.core.management import execute_from_command_line
        from django.db import utils as database_errors

        try:
            execute_from_command_line(sys.argv)
        except database_errors.OperationalError as problem:
            sys.exit(f"The database cannot be used: {str(problem).strip()}\nCheck DATABASE_URL.")
        except database_errors.ProgrammingError as problem:
            if type(problem.__cause__).__name__ not in ("UndefinedTable", "UndefinedColumn"):
                raise
            sys.exit(
                "The database is not up to date. Run: ./manage.py migrate (make serve does it by itself)"
            )
    except env.UnusableSetting as problem:
        sys.exit(str(problem))
    except BrokenPipeError:  # ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def use_the_virtual_environment() -> None:
    """Called with a Python that lacks our dependencies, go on with the one that ``make setup`` made."""
    if importlib.util.find_spec("django") and importlib.util.find_spec("environ"):
        return
    if VENV_PYTHON.exists() and Path(sys.executable) != VENV_PYTHON:
        os.execv(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv])  # noqa: S606 - our own interpreter
    sys.exit("Tallygate's dependencies are not installed. Run: make setup")


if __name__ == "__main__":
    main()

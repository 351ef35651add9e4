#!/usr/bin/env python
"""Tallygate's commands. ``manage.py help`` lists them; ``manage.py serve`` runs the gateway."""

import os
import sys

NEED_NO_DATABASE = {"sandbox", "help", "version", "--help", "-h", "--version", "makemigrations"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
    wants_help = bool({"--help", "-h"} & set(sys.argv))
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    from gateway_project import env

    try:
        if not os.environ.get("DATABASE_URL") and command not in NEED_NO_DATABASE and not wants_help:
            from gateway_project import embedded_postgres

            os.environ["DATABASE_URL"] = embedded_postgres.ensure_running(env.var_dir() / "postgres")
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except env.UnusableSetting as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()

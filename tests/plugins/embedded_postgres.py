"""A pytest plugin (loaded with ``-p``): real PostgreSQL before Django's settings are read.

With DATABASE_URL set the tests use that server; otherwise the embedded one, in a directory of its own, so
that tests never meet the data of ``make serve``.
"""

import os

from gateway_project import embedded_postgres, env

if not os.environ.get("DATABASE_URL"):
    os.environ["DATABASE_URL"] = embedded_postgres.ensure_running(env.var_dir() / "postgres-tests")
os.environ.setdefault("SECRET_KEY", "tests-only-not-a-secret-0123456789abcdef")

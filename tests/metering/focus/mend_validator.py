"""Run by the validator's own Python, once, after its installation: makes it run on Python 3.11.

focus-validator 2.2.1 asks for Python 3.12 because of one line, whose quotes inside an f-string older Pythons
cannot read. The same text is written here in a way that they can. Nothing that it checks is touched.
"""

import sys
import sysconfig
from pathlib import Path

BROKEN = r"""f"'{k.replace('\"', '\"\"')}'" for k in ignore_keys"""
MENDED = """"'%s'" % k.replace(chr(34), chr(34) * 2) for k in ignore_keys"""


def mend(path: Path) -> None:
    source = path.read_text()
    if BROKEN in source:
        path.write_text(source.replace(BROKEN, MENDED))
    elif MENDED not in source:
        raise SystemExit(f"{path} is not the file that is known to need mending: look at it anew")


if __name__ == "__main__" and sys.version_info < (3, 12):
    folder = Path(sysconfig.get_path("purelib")) / "focus_validator" / "config_objects"
    mend(folder / "focus_to_duckdb_converter.py")

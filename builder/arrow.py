"""pyarrow in a command: no more of it in memory than the rows need."""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Refuse pandas, leave the rest to others."""
        del path, target
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)


def spare_memory() -> None:
    """Have pyarrow do without pandas, and give back what it no longer uses; before anything imports it.

    With the first value that it takes from Python it imports pandas, where there is one, to know its objects:
    0.2 s and 60 MB. It looks once; who imports pandas later has it.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")  # its own choice keeps what the peak took
    import pyarrow as pa

    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.scalar(0)
    finally:
        sys.meta_path.remove(finder)

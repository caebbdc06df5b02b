"""pyarrow in a command: without pandas, which nobody misses until they ask for it."""

import subprocess
import sys

PROGRAM = """
import sys
from builder.arrow import spare_memory
spare_memory()
import pyarrow as pa
table = pa.table({"text": ["a", None]})
assert "pandas" not in sys.modules
assert pa.default_memory_pool().backend_name == "jemalloc"
assert table.to_pandas()["text"][0] == "a"
"""


def test_a_value_from_python_does_not_bring_pandas_and_a_data_frame_does() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

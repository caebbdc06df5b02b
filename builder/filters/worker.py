"""A filter worker: a process that measures texts sent to it, one after another, until its input ends.

It is started with an empty working directory and none of the parent's secrets. A text may crash or hang
it; that costs this process and nothing else. Frames both ways: 4 bytes of length, then JSON.
"""

from __future__ import annotations

import json
import os
import resource
import struct
from typing import Any, BinaryIO, cast

MEMORY_LIMIT = 3 * 2**30
"""Bytes of address space one worker may map."""

FILE_LIMIT = 2**20
"""Bytes one worker may write to any file."""


def read_frame(stream: BinaryIO) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return the next frame's content, None at the end of the stream."""
    header = stream.read(4)
    if len(header) < 4:
        return None
    (length,) = struct.unpack(">I", header)
    return json.loads(stream.read(length))


def write_frame(stream: BinaryIO, content: object) -> None:
    """Write one frame and flush it."""
    body = json.dumps(content).encode()
    stream.write(struct.pack(">I", len(body)) + body)
    stream.flush()


def main() -> None:
    """Answer each {filter, options, text} with {measures} or, when measuring raised, {raised}."""
    # Whatever a linter prints must not reach the frames: keep the pipe, point fd 1 elsewhere.
    answers = os.fdopen(os.dup(1), "wb")
    requests = os.fdopen(os.dup(0), "rb")
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from builder.filters import FILTERS, TextFilter

    while (request := read_frame(requests)) is not None:
        measurer = cast("TextFilter", FILTERS[request["filter"]].model_validate(request["options"]))
        try:
            answer: dict[str, Any] = {"measures": measurer.measure(request["text"])}
        except (Exception, SystemExit) as error:  # noqa: BLE001 - reported to the parent, which names it in the row
            answer = {"raised": type(error).__name__}
        write_frame(answers, answer)


if __name__ == "__main__":
    main()

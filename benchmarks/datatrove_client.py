"""datatrove's inference runner over a file of documents; run by a Python that has it, as `peers.py` makes one.

    datatrove_client.py DOCUMENTS OUTPUT URL IN_FLIGHT CHECKPOINTS    # no checkpoints: an empty argument

DOCUMENTS are JSON lines with `id`, `text` and `prompt`, the messages before the text. What it logs is thrown away.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from loguru import logger


async def rollout(document: Any, generate: Callable[[dict[str, Any]], Awaitable[Any]]) -> Any:  # noqa: ANN401 - datatrove's
    """Ask for one answer to a document."""
    messages = [*document.metadata["prompt"], {"role": "user", "content": document.text}]
    return await generate({"messages": messages})


def main() -> None:
    documents, output, url, in_flight, checkpoints = sys.argv[1:]
    logger.remove()
    config = InferenceConfig(
        server_type="endpoint",
        endpoint_url=url,
        model_name_or_path="tgi",
        max_concurrent_generations=int(in_flight),
        default_generation_params={"temperature": 0.2, "top_p": 0.7, "max_tokens": 8192},
    )
    writer = JsonlWriter(output, output_filename="${rank}_${chunk_index}.jsonl", compression=None)
    runner = InferenceRunner(rollout, config, writer, checkpoints_local_dir=checkpoints or None)
    runner.run(JsonlReader(documents, compression=None).run())


if __name__ == "__main__":
    main()

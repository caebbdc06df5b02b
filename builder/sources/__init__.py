"""Documents in. A source lists its shards, always the same ones, and reads any of them alone."""

from typing import Annotated

from pydantic import Field

from builder.sources.base import Language, Shard, Source
from builder.sources.files import FilesSource
from builder.sources.hub import HubSource
from builder.sources.parquet import ParquetSource
from builder.sources.the_stack import TheStackSource
from builder.sources.the_stack_v3 import TheStackV3Source

AnySource = Annotated[
    FilesSource | ParquetSource | HubSource | TheStackSource | TheStackV3Source, Field(discriminator="kind")
]

__all__ = [
    "AnySource",
    "FilesSource",
    "HubSource",
    "Language",
    "ParquetSource",
    "Shard",
    "Source",
    "TheStackSource",
    "TheStackV3Source",
]

"""Documents in. A source lists its shards, always the same ones, and reads any of them alone."""

from typing import Annotated

from pydantic import Field

from builder.sources.base import Language, Shard, Source
from builder.sources.files import FilesSource
from builder.sources.hub import HubSource
from builder.sources.parquet import ParquetSource
from builder.sources.the_stack import TheStackSource

AnySource = Annotated[FilesSource | ParquetSource | HubSource | TheStackSource, Field(discriminator="kind")]

__all__ = [
    "AnySource",
    "FilesSource",
    "HubSource",
    "Language",
    "ParquetSource",
    "Shard",
    "Source",
    "TheStackSource",
]

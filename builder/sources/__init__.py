"""Documents in. A source lists its shards, always the same ones, and reads any of them alone."""

from typing import Annotated

from pydantic import Field

from builder.sources.base import Shard, Source
from builder.sources.files import FilesSource
from builder.sources.parquet import ParquetSource

AnySource = Annotated[FilesSource | ParquetSource, Field(discriminator="kind")]

__all__ = ["AnySource", "FilesSource", "ParquetSource", "Shard", "Source"]

"""Names of the classes in a release's columns, as the sources have them, where `datasets` looks for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from builder.loaded_recipe import LoadedRecipe
from builder.sources.features import Features, agreed


def source_features(loaded: LoadedRecipe) -> Features:
    """Return by column what all sources say of it that have it."""
    return agreed((source.label(), source.columns(), source.features()) for source in loaded.recipe.sources)


def with_features(schema: pa.Schema, columns: Sequence[str], known: Features) -> pa.Schema:
    """Return a config's schema with what is known of its columns, where `datasets` looks for it.

    Args:
        schema: The config's columns, those of the sources last.
        columns: The sources' columns that are in it, in order, by their own names.
        known: What the sources say of them.
    """
    names = schema.names[len(schema.names) - len(columns) :]
    wanted = {name: known[column] for name, column in zip(names, columns, strict=True) if column in known}
    fitting = {name: feature for name, feature in wanted.items() if _fits(feature, schema.field(name).type)}
    if not fitting:
        return schema
    from datasets import Features as DatasetsFeatures

    features: Mapping[str, Any] = {**DatasetsFeatures.from_arrow_schema(schema).to_dict(), **fitting}
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _fits(feature: Any, kind: pa.DataType) -> bool:  # noqa: ANN401 - what JSON holds
    """Whether a feature is stored as a column is, which other files may have made wider."""
    from datasets import Features as DatasetsFeatures

    try:
        stored: pa.Schema = DatasetsFeatures.from_dict({"": feature}).arrow_schema
    except (TypeError, ValueError, KeyError, AttributeError):  # of another version of `datasets`, or nobody's
        return False
    return bool(stored.field("").type == kind)

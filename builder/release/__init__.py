"""A release: views of a run's table as Parquet, with a card, prompts, licences and a manifest."""

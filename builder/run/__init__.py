"""A run: the flow of a document, shards, the journal and the wide table they end in."""

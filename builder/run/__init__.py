"""A run: the flow of a document, shards, the answers and the wide table they end in."""

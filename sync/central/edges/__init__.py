"""One file a kind of database; `sync.central.dialects.edge_for` imports the one that is needed."""

"""SQLite: schema, the one writer with group commit, readers beside it. Nobody else opens the database."""

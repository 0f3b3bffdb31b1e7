"""The SQLite database: one writer, many readers, migrations."""

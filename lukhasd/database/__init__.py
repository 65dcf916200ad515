"""The DuckDB file: connection, numbered migrations, the write queue."""

from lukhasd.database.connection import Database, insert_rows

__all__ = ["Database", "insert_rows"]

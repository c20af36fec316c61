"""One replica at rest: a single SQLite file, or memory."""

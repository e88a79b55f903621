"""Where tables are read and written."""

"""Parquet files of plain columns, read within bounds that what they say of themselves cannot move."""

"""What is wrong with a name, a cell or a row, and what it should be; what becomes of it is data/ingest."""

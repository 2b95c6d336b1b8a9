"""Laws of the values, tables and questions that need no storage."""

"""The page that people read first, and what it is made from."""

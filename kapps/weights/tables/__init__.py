"""The rows of the catalog, one publisher a file."""

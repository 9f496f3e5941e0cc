"""Tools for the people who build kapps; not installed with it."""

"""The parts of tools/update_tables.py: one generated file, or one kind of them, a module."""

"""Jobs: one runnable module each, with its `Settings` and its `run(settings)`."""

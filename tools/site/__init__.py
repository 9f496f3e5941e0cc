"""The site: `python -m tools.site` builds it from docs/, the settings of jobs and docstrings."""

"""Figures of docs/learn: `python -m tools.learn` runs the pages and draws what they computed."""

"""The small experiments of docs/results.md: what is measured, and the page that says it."""

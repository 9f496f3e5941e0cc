"""Pages that one opens in a browser: one HTML file each, with no network, in light and dark."""

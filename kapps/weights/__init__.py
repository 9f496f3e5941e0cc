"""Published weights: where they live, how they are fetched and read, and how they fit a model."""

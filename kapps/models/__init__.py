"""What the setting `model` of a job means: an application, a run folder, a file, or a model."""

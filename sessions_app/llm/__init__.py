"""Language models: providers, the engine that streams them, what they cost."""

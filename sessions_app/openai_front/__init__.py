"""The face that OpenAI's own clients know: chat completions, each a run in a session that is kept."""

"""The front for OpenAI's clients, below HTTP; whole servers: `tests/flow/test_openai_client.py`."""

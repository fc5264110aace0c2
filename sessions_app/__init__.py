"""The domain: LLM sessions, their messages, and the runs that answer them."""

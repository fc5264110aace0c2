"""The mechanism: commands in, events recorded, everybody told. Knows nothing of sessions; imports nothing of ours."""

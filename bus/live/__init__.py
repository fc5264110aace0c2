"""The push: from commit to socket."""

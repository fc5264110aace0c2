"""What event streams carry: of a session, of a run, of all a user's sessions."""

"""Sessions out of a server and into one: files of one session, archives of all of a user's, other products' exports."""

"""Command handlers, one file a topic. They decide: read rows, yield events; they wait for nothing."""

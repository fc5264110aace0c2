"""What a request contains, and why: `planner.plan` decides, one file per strategy. No database, no clock, no network
(but for `relevance_scores`, which asks PostgreSQL which messages match the question)."""

"""The operators' console: the admin's site, its dashboard, and its pages that are no model's."""

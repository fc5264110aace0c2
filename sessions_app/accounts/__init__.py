"""Who may call, and what became of their accounts: API tokens, service accounts, the security log of each account."""

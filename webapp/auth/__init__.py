"""Who is asking: credentials, tokens, passwords and sign-ins."""

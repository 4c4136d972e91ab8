"""Staff accounts: sign-in, second factor, sessions; fills g.actor."""

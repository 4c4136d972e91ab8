"""Sign-in, second step, sessions, invitations, leaving."""

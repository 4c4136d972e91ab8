"""Work owed by a role or a person, with a due time and a cause."""

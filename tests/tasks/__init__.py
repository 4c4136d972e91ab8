"""Work owed: claimed, done, put off, given back."""

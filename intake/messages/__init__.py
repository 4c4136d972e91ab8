"""The outbox: every email owed is a row; kinds, claim, gate, render, record."""

"""Persons, their contact points with what is safe on each, find and duplicate keys, merge."""

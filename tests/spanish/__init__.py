"""Patients read every page in Spanish too."""

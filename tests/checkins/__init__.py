"""The patient's page behind a link."""

"""The patient's page behind a signed link: answers about a step."""

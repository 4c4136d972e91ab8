"""A person under review or in care: open, decide, admit, transfer, discharge; notes and alerts."""

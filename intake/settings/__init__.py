"""What a center decides: its site, words, targets and rule sets, each change versioned with an approver."""

"""Read-only pages over several rooms: inbox, boards, case page, my cases, tasks, find."""

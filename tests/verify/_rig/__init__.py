"""The parts of the crash proof: servers that may be killed, the house on top of them, its workload, and the checker."""

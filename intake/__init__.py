"""Treatment-center intake and case management."""

"""What a center decides."""

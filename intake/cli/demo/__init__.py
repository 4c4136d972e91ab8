"""The demo center: invented staff and people, driven through the real services with a fixed seed."""

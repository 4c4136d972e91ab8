"""The main job from end to end, with real processes, a real relay and a real browser."""

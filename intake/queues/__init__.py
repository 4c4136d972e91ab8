"""Where cases wait: enter, claim, give back, park, leave."""

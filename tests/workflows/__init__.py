"""Each workflow of the product, from its first call to its last promise, as people meet it."""

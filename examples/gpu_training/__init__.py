"""The training of the shipped model: an example that needs PyTorch, which the package does not."""

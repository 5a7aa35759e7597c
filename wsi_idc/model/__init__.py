"""The network: architecture, training, judgement, the model folder, and scoring."""

"""What all layers and networks have in common: their inputs, weights and configuration."""

"""Fast layers: spectral norm, convolutions fused with resampling, synchronised batch norm."""

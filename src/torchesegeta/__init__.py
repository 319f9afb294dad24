"""TorchEsegeta."""

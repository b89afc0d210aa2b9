"""The reference model: a heterogeneous adapter on a frozen MusicGen decoder (arXiv 2402.09508), with its loss."""

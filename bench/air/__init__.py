"""Library of the reference model, a heterogeneous adapter on a frozen MusicGen decoder (arXiv 2402.09508)."""

"""The reference: a heterogeneous adapter over a frozen decoder of the MusicGen family (arXiv 2402.09508)."""

"""From outputs to rows: what extractors find, scores of examples, rows of songs and sets."""

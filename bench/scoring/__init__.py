"""From outputs to rows: what extractors find, the scores of examples, songs and sets."""

"""From outputs to rows: findings of extractors, measurements of examples, rows of songs and sets."""

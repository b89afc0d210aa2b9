"""Code shared by data sets of recordings: libraries, selection of excerpts, splits, checksums, stems."""

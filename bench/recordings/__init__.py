"""What data sets of recordings share: libraries, selections, splits, checksums, stems."""

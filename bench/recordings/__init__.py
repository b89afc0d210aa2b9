"""Library of what data sets of recordings share: manifests, selection, splits, checksums, stems."""

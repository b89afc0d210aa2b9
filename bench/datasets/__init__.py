"""Registry of data sets: one file or folder is one data set, called as the file is, with dashes."""

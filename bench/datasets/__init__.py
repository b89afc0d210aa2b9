"""Registry of data sets: one file or folder is one data set; its name is the public name."""

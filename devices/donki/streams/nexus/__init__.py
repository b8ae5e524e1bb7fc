"""The way out to NeXus/HDF5: the files of a Player, readable while they are written."""

"""The Python API; its face is `donki_client`."""

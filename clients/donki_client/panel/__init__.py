"""The panel: a window on a Director and its Players. Only this package imports Qt."""

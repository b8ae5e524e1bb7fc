"""An orchestra in bluesky plans; needs the extra ``bluesky``: ``pip install 'donkiorchestra[bluesky]'``."""

from donki_client.bluesky.orchestra import Orchestra

__all__ = ["Orchestra"]

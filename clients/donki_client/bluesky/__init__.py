"""An orchestra in bluesky plans; needs the extra ``bluesky``: ``pip install 'donkiorchestra[bluesky]'``."""

try:
    from donki_client.bluesky.orchestra import Orchestra
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in {"bluesky", "event_model", "ophyd_async"}:
        raise
    raise ModuleNotFoundError(
        f"donki_client.bluesky needs {error.name}, which is not installed: "
        "pip install 'donkiorchestra[bluesky]'",
        name=error.name,
    ) from None

__all__ = ["Orchestra"]

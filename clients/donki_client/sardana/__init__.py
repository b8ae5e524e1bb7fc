"""Controllers for Sardana; they need the extra ``sardana``: ``pip install 'donkiorchestra[sardana]'``.

This package needs no Sardana itself; the modules under `POOL_PATH` are loaded by a Pool.
"""

from __future__ import annotations

from pathlib import Path

#: The folder of the controllers, for the property PoolPath of a Pool.
POOL_PATH = Path(__file__).parent / "controllers"

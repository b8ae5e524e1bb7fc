"""What the integration tests of the devices share: one Tango database."""

from __future__ import annotations

import pytest

from donki_client.facility.local import LocalFacility


@pytest.fixture(scope="session")
def facility(tmp_path_factory):
    with LocalFacility(tmp_path_factory.mktemp("facility")) as facility:
        facility.start_database()
        yield facility

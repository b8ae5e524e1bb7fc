"""The local facility: a Tango database, a Kafka broker and device servers on this machine."""

from donki_client.facility.address import Address
from donki_client.facility.local import LocalFacility
from donki_client.facility.servers import DeviceServer

__all__ = ["Address", "DeviceServer", "LocalFacility"]

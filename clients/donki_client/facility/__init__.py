"""The local facility: a Tango database, a Kafka broker and device servers on this machine."""

"""What messages are made of: reference times, and flatbuffers in one go, where a library takes too long."""

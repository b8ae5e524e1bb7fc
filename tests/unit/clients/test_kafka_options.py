"""Options for Kafka on the command line: read from there or from a file, and never shown."""

import pytest

from donki.errors import InputError
from donki_client.topics.kafka_options import read_kafka_options


def test_options_are_read_from_the_command_line_or_from_a_file(tmp_path):
    text = '{"security_protocol": "SASL_SSL", "sasl_plain_password": "s3cret"}'
    options = {"security_protocol": "SASL_SSL", "sasl_plain_password": "s3cret"}
    (tmp_path / "options.json").write_text(text)
    assert read_kafka_options("{}") == {}
    assert read_kafka_options(text) == options
    assert read_kafka_options(str(tmp_path / "options.json")) == options


@pytest.mark.parametrize(
    "text", ["s3cret", '{"sasl_plain_password" "s3cret"}', '["s3cret"]', '{"s": "s3cret"}']
)
def test_what_is_something_else_is_refused_and_not_shown(text, tmp_path):
    (tmp_path / "file").write_text(text)
    for given in (text, str(tmp_path / "file")):
        with pytest.raises(InputError, match=r"--kafka-options: |accepted are") as refusal:
            read_kafka_options(given)
        assert "s3cret" not in str(refusal.value)


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "binary", "no text")):
        with pytest.raises(InputError, match=reason):
            read_kafka_options(str(path))

"""The command `make status`."""

import pytest

from glmtracks import status


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"genomes:\tmy/genomes.tsv\n", "config.yaml is not valid YAML (while scanning"),
        ("genomes: müller.tsv\n".encode("latin-1"), "config.yaml is not valid YAML ('utf-8' codec"),
        (b"- genomes\n", "config.yaml has no keys; write key: value"),
        (None, "config.yaml does not exist; name the configuration of the run"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named_in_a_sentence(tmp_path, content, said):
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit, match=r"^glmtracks: ") as caught:
        status.main([str(tmp_path / "results"), "--configfile", str(path)])
    assert said in str(caught.value) and "\n" not in str(caught.value)

"""Annotations from a text."""

from glmtracks.annotation import read_features


def read(text, tmp_path, **arguments):
    path = tmp_path / "annotation.txt"
    path.write_text(text.removeprefix("\n"))
    return read_features(path, **arguments)


def intervals(features, **where):
    for column, value in where.items():
        features = features[features[column] == value]
    return set(zip(features["start"].tolist(), features["end"].tolist(), strict=True))

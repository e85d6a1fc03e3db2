# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Image encoders whose weights come with the package, for galleries.

An encoder of timm or mmpretrain has no config of this package; the list of
those with weights is ``weights/encoders.yml``, with the keys of a metafile.
"""

from pathlib import Path

from ..evaluation.metafile import read_yaml
from ..formats.checks import Fields, Record, require
from ..formats.rules import ListOf, Number, Text
from ..utils.downloads import cached_download, is_downloaded
from .catalog import locate_weights, root

ENCODERS = 'weights/encoders.yml'

_ENTRY: Fields = {
    'Name': Text('an encoder, timm:NAME or mmpretrain:NAME'),
    'Weights': Text('a file or URL'),
    'Metadata': Record(
        {
            'SHA-256': Text('a hash'),
            'File Size (MB)': Number(0),
            'License': Text('a licence'),
            'Training Data': Text('what it is trained on'),
            'Parameters (M)': Number(0),
            'Dimensions': Number(1),
        }
    ),
}


def published_encoders() -> list[dict]:
    """Return the image encoders with published weights, the best one first.

    Returns:
        list[dict]: ``Name``, ``Weights`` and ``Metadata`` of each.

    Raises:
        UserError: The list cannot be read or has another form.
    """
    file = root() / ENCODERS
    content = read_yaml(file)
    require(
        content, {'Encoders': ListOf(Record(_ENTRY), 'encoders')}, f'{file}:'
    )
    return content['Encoders']


def encoder_weights(name: str) -> Path | None:
    """Return the file of an encoder's published weights.

    Args:
        name (str): ``timm:NAME``, ``mmpretrain:NAME``, or ``NAME`` alone.

    Returns:
        Path, optional: A file whose SHA-256 was checked, None: there are no
        published weights of it.

    Raises:
        UserError: The file is missing or damaged.
        DownloadError: It cannot be downloaded.
    """
    for entry in published_encoders():
        if name in (entry['Name'], entry['Name'].partition(':')[2]):
            where = locate_weights(entry)
            if is_downloaded(where):
                return cached_download(where)
            return Path(where)
    return None


def default_encoder() -> str | None:
    """Return the name of the best published encoder, None if there is none."""
    return next((entry['Name'] for entry in published_encoders()), None)

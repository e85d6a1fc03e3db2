# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Sampler of image pairs: a user image and a shop image of one garment."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Literal

import torch
from mmengine.dataset import BaseDataset
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.logging import print_log
from torch.utils.data import Sampler

from ..errors import UserError
from ..registry import DATA_SAMPLERS

_UNPAIRED = (
    'PairSampler needs user and shop images with the same pair_id and an item '
    'of the same style > 0 in both'
)


def find_pairs(dataset: BaseDataset) -> dict[int, list[int]]:
    """Find the shop images that show a garment of each user image.

    Pair ids count within one numbering: in a ``ConcatDataset`` those of two
    annotation files do not mean the same garments, see ``pair_numbering`` of
    ``DeepFashion2Dataset``. A shop image that a wrapper repeats
    (``RepeatDataset``, ``ClassBalancedDataset``) is a partner once; a user
    image comes as often as the wrapper repeats it.

    Args:
        dataset (BaseDataset): A ``DeepFashion2Dataset``, or wrappers of some
            with ``get_data_info``.

    Returns:
        dict[int, list[int]]: Index of a user image -> indices of its shop
        images, both in the order of the dataset. Images without a partner
        are left out.

    Raises:
        UserError: No pair was found, or the source of an image is unknown.
    """
    shops: dict[tuple, list[int]] = defaultdict(list)
    users = []
    first_index: dict[tuple, int] = {}  # of each shop image
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        source = info.get('source')
        if source not in ('user', 'shop'):
            raise UserError(
                f'{_UNPAIRED}, but {info.get("img_path")} has source '
                f'{source!r}. Files of the official converter lack it: '
                'convert the raw annotations with '
                'tools/dataset_converters/deepfashion2.py'
            )
        leaf = _leaf(dataset, index)
        numbering = getattr(leaf, 'pair_numbering', id(leaf))
        styles = {item['style'] for item in info['instances']} - {0}
        keys = [
            (numbering, info['pair_id'], style) for style in sorted(styles)
        ]
        if source == 'user':
            users.append((index, keys))
            continue
        path = info.get('img_path', index)
        image = (numbering, path, info.get('img_id'))
        if first_index.setdefault(image, index) == index:
            for key in keys:
                shops[key].append(index)
    pairs = {
        index: sorted({shop for key in keys for shop in shops.get(key, ())})
        for index, keys in users
    }
    pairs = {index: partners for index, partners in pairs.items() if partners}
    if not pairs:
        raise UserError(
            f'{_UNPAIRED}; found no such pair among {len(dataset)} images '
            f'({len(users)} of users). Check pair_id, style and source '
            'of the annotation file, and filter_cfg'
        )
    return pairs


def _leaf(dataset: Any, index: int) -> Any:
    """Return which of the wrapped datasets an image is from."""
    find = getattr(dataset, '_get_ori_dataset_idx', None)
    if find is not None and hasattr(dataset, 'datasets'):
        number, index = find(index)
        return _leaf(dataset.datasets[number], index)
    if hasattr(dataset, 'dataset'):
        return _leaf(dataset.dataset, index if find is None else find(index))
    return dataset


@DATA_SAMPLERS.register_module()
class PairSampler(Sampler):
    """Sample image pairs that show the same garment, in random order.

    It yields a user image, its shop image, the next user image and so on, so
    an even ``batch_size`` holds whole pairs; leave ``batch_sampler`` of the
    data loader at None. Each of N processes gets every N-th pair.

    The paper does not say what an epoch of pairs is. Here each user image
    that has a partner comes once, with a shop image drawn anew every epoch:
    about as many images as in an epoch of the detector.

    Args:
        dataset (BaseDataset): A ``DeepFashion2Dataset``, or a wrapper of one.
        epoch (str): ``'user'``: each user image once. ``'pair'``: each pair
            of a user and a shop image once.
        shuffle (bool): False: the dataset's order and, with ``'user'``, the
            first shop image.
        seed (int, optional): None: a random one, equal in all processes.
        round_up (bool): Repeat pairs so that all processes get equally many.

    Raises:
        UserError: ``epoch`` has another value, or see :func:`find_pairs`.
    """

    def __init__(
        self,
        dataset: BaseDataset,
        epoch: Literal['user', 'pair'] = 'user',
        shuffle: bool = True,
        seed: int | None = None,
        round_up: bool = True,
    ) -> None:
        if epoch not in ('user', 'pair'):
            raise UserError(
                f"epoch of PairSampler must be 'user' or 'pair', got {epoch!r}"
            )
        self.rank, self.world_size = get_dist_info()
        self.partners = find_pairs(dataset)
        self.every_pair = epoch == 'pair'
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.round_up = round_up
        self.epoch = 0
        print_log(
            f'PairSampler: {len(self.partners)} user images of '
            f'{len(dataset)} images have a partner, '
            f'{sum(map(len, self.partners.values()))} pairs in all; images '
            'without are not trained with',
            logger='current',
        )

    @property
    def num_pairs(self) -> int:
        """Number of pairs in an epoch of all processes, before rounding up."""
        if self.every_pair:
            return sum(map(len, self.partners.values()))
        return len(self.partners)

    def __len__(self) -> int:
        """Return the number of images of this process in an epoch."""
        if self.round_up:
            return 2 * -(-self.num_pairs // self.world_size)
        return 2 * len(range(self.rank, self.num_pairs, self.world_size))

    def __iter__(self) -> Iterator[int]:
        """Yield indices of images: user, shop, user, shop ..."""
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        pairs = [
            (user, shop)
            for user, shops in self.partners.items()
            for shop in self._choose_shops(shops, generator)
        ]
        if self.shuffle:
            indices = torch.randperm(len(pairs), generator=generator)
            pairs = [pairs[i] for i in indices.tolist()]
        if self.round_up:
            total = self.world_size * len(self) // 2
            pairs = [pairs[i % len(pairs)] for i in range(total)]
        for user, shop in pairs[self.rank :: self.world_size]:
            yield user
            yield shop

    def _choose_shops(
        self, shops: list[int], generator: torch.Generator
    ) -> list[int]:
        """Choose the shop images to pair a user image with in this epoch."""
        if self.every_pair:
            return shops
        if not self.shuffle:
            return shops[:1]
        pick = torch.randint(len(shops), (), generator=generator)
        return [shops[int(pick)]]

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, from 0; ``DistSamplerSeedHook`` calls it."""
        self.epoch = epoch

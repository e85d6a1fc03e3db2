# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""VITON, VITON-HD, DressCode and folders: where the files of a split lie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .constants import ParseLabels

LayoutName = Literal['viton', 'viton-hd', 'dresscode', 'folder']
TryOnSplit = Literal['train', 'test']
FileKind = Literal[
    'person',
    'cloth',
    'cloth_mask',
    'parse',
    'pose',
    'densepose',
    'flow',
    'truth',
    'truth_flow',
]
_IMAGES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
#: Kind of file -> endings of its name after the stem of its image: the
#: cloth's for ``cloth_mask``, else the person's.
ENDINGS: dict[FileKind, tuple[str, ...]] = {
    'person': _IMAGES,
    'cloth': _IMAGES,
    'cloth_mask': _IMAGES,
    'parse': ('.png',),
    'pose': ('_keypoints.json',),
    'densepose': ('.npy', '.png'),
    'flow': ('.npz',),
    'truth': _IMAGES,
    'truth_flow': ('.npz',),
}
_DRESSCODE_ENDINGS: dict[FileKind, tuple[str, ...]] = {
    **ENDINGS,
    'person': tuple(f'_0{ending}' for ending in _IMAGES),
    'cloth': tuple(f'_1{ending}' for ending in _IMAGES),
    'cloth_mask': tuple(f'_1{ending}' for ending in ('.png', *_IMAGES)),
    'parse': ('_4.png',),
    'pose': ('_2.json',),
    'densepose': ('_5.png', '_5.npy'),
    'flow': ('_0.npz',),
}


@dataclass(frozen=True)
class Layout:
    """Folders of a split of a try-on dataset.

    Attributes:
        folders (dict[str, str]): Kind of file -> its folder. ``flow``, the
            true warp, is in synthetic data only, and so are ``truth`` and
            ``truth_flow``: the person in the garment of ``pairs``, and its
            warp. The published test set of VITON has no ``parse``, ``pose``
            and ``densepose`` either.
        base (str): The folder of these folders, below the root. The root
            itself may be it.
        pairs (str, optional): File of pairs, below the root or ``base``.
            VITON-HD's training set has one that says only what the names
            say.
        published (int, optional): Number of pairs.
        parse (str): Labels of the parse maps.
        worn_pairs (str, optional): File of the pairs of the split with the
            garments worn. None: all persons of the folder, by their names.
        by_class (bool): Whether ``base`` is a folder for each garment class,
            of its name.
        endings (dict[str, tuple[str, ...]]): Kind of file -> endings of its
            name, see :data:`ENDINGS`.
        others (tuple[str, ...]): Endings of published files that are not
            read.
    """

    folders: dict[FileKind, str]
    base: str = '.'
    pairs: str | None = None
    published: int | None = None
    parse: ParseLabels = 'viton'
    worn_pairs: str | None = None
    by_class: bool = False
    endings: Mapping[FileKind, tuple[str, ...]] = field(
        default_factory=lambda: ENDINGS
    )
    others: tuple[str, ...] = ()

    def stem(self, kind: FileKind, name: str) -> str | None:
        """Return the stem of a file's image; None: not of this kind."""
        for ending in self.endings[kind]:
            if name.lower().endswith(ending) and not name.startswith('.'):
                return name[: -len(ending)]
        return None

    def is_other(self, kind: FileKind, name: str) -> bool:
        """Return whether a file in the folder of a kind is of another kind.

        Persons and garments may lie in one folder.
        """
        neighbours = [
            other
            for other, folder in self.folders.items()
            if other != kind and folder == self.folders[kind]
        ]
        return name.endswith(self.others) or any(
            self.stem(other, name) is not None for other in neighbours
        )


def _folders(*names: str) -> dict[FileKind, str]:
    return dict(zip(ENDINGS, names, strict=False))


_VITON_HD = _folders(
    'image',
    'cloth',
    'cloth-mask',
    'image-parse-v3',
    'openpose_json',
    'image-densepose',
    'flow',
)
_DRESSCODE = _folders(
    'images',
    'images',
    'masks',
    'label_maps',
    'keypoints',
    'dense',
    'flows',
)
_FOLDER = Layout(
    _folders(
        'persons',
        'clothes',
        'masks',
        'parses',
        'poses',
        'denseposes',
        'flows',
    ),
    pairs='pairs.txt',
)
LAYOUTS: dict[tuple[LayoutName, TryOnSplit], Layout] = {
    ('viton', 'train'): Layout(
        _folders(
            'train_img',
            'train_color',
            'train_edge',
            'train_label',
            'train_pose',
            'train_densepose',
            'train_flow',
        ),
        base='VITON_traindata',
        published=14_221,
    ),
    ('viton', 'test'): Layout(
        _folders(
            'test_img',
            'test_clothes',
            'test_edge',
            'test_label',
            'test_pose',
            'test_densepose',
            'test_flow',
            'test_truth',
            'test_truth_flow',
        ),
        base='VITON_test',
        pairs='test_pairs.txt',
        published=2_032,
    ),
    ('viton-hd', 'train'): Layout(
        _VITON_HD,
        base='train',
        published=11_647,
        parse='cihp',
    ),
    ('viton-hd', 'test'): Layout(
        _VITON_HD,
        base='test',
        pairs='test_pairs.txt',
        published=2_032,
        parse='cihp',
    ),
    ('dresscode', 'train'): Layout(
        _DRESSCODE,
        parse='atr',
        worn_pairs='train_pairs.txt',
        by_class=True,
        endings=_DRESSCODE_ENDINGS,
        others=('_uv.npz',),
    ),
    ('dresscode', 'test'): Layout(
        _DRESSCODE,
        pairs='test_pairs_unpaired.txt',
        parse='atr',
        worn_pairs='test_pairs_paired.txt',
        by_class=True,
        endings=_DRESSCODE_ENDINGS,
        others=('_uv.npz',),
    ),
    ('folder', 'train'): _FOLDER,
    ('folder', 'test'): _FOLDER,
}


def cloth_stem(layout: LayoutName, person: str) -> str:
    """Return the stem of the cloth that a person wears.

    Args:
        layout (str): ``'viton'``: ``000001_0`` wears ``000001_1``. Others:
            both have one name, DressCode's without ``_0`` and ``_1``.
        person (str): Stem of the person's image.
    """
    if layout == 'viton' and person.endswith('_0'):
        return f'{person[:-2]}_1'
    return person

# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Somebody in some garment, in three lines."""

import logging
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.logging import print_log
from torch import Tensor

from ..errors import UserError, describe
from ..hub import config_path, get_model
from ..registry import MODELS
from ..utils.files import make_folder, write_json
from .inference.contact_sheet import ContactSheet
from .inference.fast_try_on import FastTryOn
from .inference.inputs import Named, Source, Wanted, find
from .inference.session import Fitting
from .student import ParserFreeTryOn
from .transforms import PackTryOn, ResizeTryOn
from .visualizer import strip, strip_name, to_uint8, write_picture


class TryOnInferencer:
    """Dress a person in a garment, without a parser.

    Examples:
        >>> infer = TryOnInferencer('pf-afn_e2e_8xb4-100e_viton-256x192',
        ...                         weights='epoch_100.pth')
        >>> result = infer('person.jpg', 'cloth.jpg', out_dir='out')
        >>> result['predictions'][0][0]['try_on'].shape
        (256, 192, 3)

    Args:
        model (str): Name of a parser-free model, or path of a config file.
        weights (str | Path, optional): Checkpoint file or URL; read as
            data, never unpickled. None: random weights, to try things out.
        device (str, optional): None: CUDA where there is one.
        size (tuple[int, int], optional): (h, w) in px that all pictures are
            resized to. None: as the model's config does it; if it does not,
            pictures stay as they are, and the person, the cloth and the mask
            of a pair must have one size.
        batch_size (int): Pairs that go through the network together.
        amp (bool): Networks in half precision: float16 on a GPU, bfloat16 on
            a CPU that has instructions for it (others stay in float32).
        compile (bool): See :class:`.fast.FastTryOn`.
        show_progress (bool): Show a progress bar over the pairs.

    Raises:
        UserError: An unknown model or device, one that needs a parser,
            weights of another one, or a size that is none.
        CheckpointError: See ``utils.checkpoint``.
    """

    def __init__(
        self,
        model: str,
        weights: str | Path | None = None,
        device: str | None = None,
        *,
        size: tuple[int, int] | None = None,
        batch_size: int = 1,
        amp: bool = False,
        compile: bool = False,
        show_progress: bool = False,
    ) -> None:
        if batch_size < 1:
            raise UserError(f'batch_size must be 1 or more, got {batch_size}')
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise UserError(f'size must be (h, w), 1 px or more, got {size}')
        device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        network = load_student(model, weights, device)
        self.fast = FastTryOn(network, _dtype(device, amp), compile)
        self.data_preprocessor = network.data_preprocessor
        self.size = size or _resized_to(network.cfg)
        resize = [ResizeTryOn(self.size)] if self.size else []
        self.pipeline = Compose([*resize, PackTryOn()])
        self.batch_size = batch_size
        self.show_progress = show_progress

    def __call__(
        self,
        person: Source,
        cloth: Source,
        cloth_mask: Source | None = None,
        out_dir: str | Path | None = None,
        pairs: str | Path | None = None,
        grid: bool = False,
        keep_arrays: bool = True,
        resume: bool = False,
    ) -> dict:
        """Dress persons in garments.

        A picture is a file, an array (h, w, 3) uint8 of BGR, as everywhere in
        OpenMMLab, or one of Pillow. As many persons as garments meet in their
        order; one person meets all garments, one garment all persons.

        If there is more than one pair, those that cannot be made, because a
        file is damaged, say, are left out, and named at the end.

        Args:
            person (Source): Photograph of a person, a list, or a folder.
            cloth (Source): Picture of a garment, a list, or a folder.
            cloth_mask (Source, optional): Its mask, on where the value is 128
                or more; a list as of the garments, or a folder, where a mask
                is called like its garment. One that is missing is made by
                GrabCut, which wants a plain background.
            out_dir (str | Path, optional): Write ``try_on/PERSON__CLOTH.png``,
                ``strips/PERSON__CLOTH.jpg`` (person | masked garment |
                try-on), ``results.json`` and with ``grid`` ``grid.jpg``.
            pairs (str | Path, optional): File of lines
                ``person.jpg cloth.jpg``; ``person`` and ``cloth`` are the
                folders of these pictures.
            grid (bool): Every person in every garment, drawn on one sheet:
                a row for each person, a column for each garment.
            keep_arrays (bool): Return the pictures, not only their paths.
            resume (bool): Leave out the pairs whose try-on is in ``out_dir``
                already; only their paths are returned.

        Returns:
            dict: ``predictions``, a list with an entry for each person: the
            list of their try-ons, each a dict of ``person``, ``cloth`` (paths
            or names), ``try_on``, ``warped_cloth`` (h, w, 3) uint8 BGR,
            ``warped_mask`` (h, w) uint8 0-255, and with ``out_dir`` ``path``
            and ``strip_path``. ``skipped``, a list of dicts of ``person``,
            ``cloth`` and ``reason``. With ``grid`` also ``grid``, the sheet
            (H, W, 3) uint8 BGR.

        Raises:
            UserError: Something is missing, the pictures do not go together,
                or the only pair cannot be made.
        """
        if resume and out_dir is None:
            raise UserError('resume=True needs the out_dir to look into')
        if not keep_arrays and out_dir is None:
            raise UserError('keep_arrays=False without out_dir leaves nothing')
        wanted = find(person, cloth, cloth_mask, pairs, grid)
        entries = _entries(wanted, out_dir)
        if out_dir is not None:
            make_folder(out_dir)
        done = {
            number
            for number, entry in enumerate(entries)
            if resume and Path(entry['path']).is_file()
        }
        sheet = ContactSheet(len(wanted.persons), len(wanted.clothes))
        fitting = Fitting(self, wanted)
        todo = [n for n in range(len(entries)) if n not in done]
        for number, pictures in fitting.dress(todo):
            entry = entries[number]
            try_on = to_uint8(pictures['try_on'])
            if grid:
                sheet.add(*wanted.pairs[number], try_on)
            if out_dir is not None:
                panels = [pictures[x] for x in ('person', 'cloth', 'try_on')]
                write_picture(entry['strip_path'], strip(panels))
                # last: it tells that the pair is done
                write_picture(entry['path'], try_on)
            if keep_arrays:
                entry.update(_arrays(pictures))
            done.add(number)
        result = _result(wanted, entries, done, fitting.failed)
        if grid:
            for number in done.difference(todo):
                sheet.add_file(*wanted.pairs[number], entries[number]['path'])
            result['grid'] = _draw(sheet, wanted)
        if out_dir is not None:
            _write(result, out_dir)
        return result


def load_student(
    model: str,
    weights: str | Path | None = None,
    device: str | torch.device | None = None,
) -> ParserFreeTryOn:
    """Build a parser-free model for inference, without VGG and teacher.

    Arguments and errors: see :class:`TryOnInferencer`.
    """
    cfg = Config.fromfile(config_path(model))
    kind = MODELS.get(cfg.model.type)
    if not (isinstance(kind, type) and issubclass(kind, ParserFreeTryOn)):
        raise UserError(
            f'{model} is a {cfg.model.type}; only parser-free models '
            '(mmfashion_ext.ParserFreeTryOn, pf-afn_*) need nothing but '
            'pictures. tools/test.py runs the others on a data set'
        )
    # VGG serves the losses alone
    return get_model(
        model, weights, device=device, **{'model.perceptual': None}
    )


def _resized_to(cfg: Config) -> tuple[int, int] | None:
    """The size (h, w) that the config's test resizes to."""
    dataset = (cfg.get('test_dataloader') or {}).get('dataset', {})
    for transform in dataset.get('pipeline', ()):
        if transform['type'].rpartition('.')[2] == ResizeTryOn.__name__:
            return tuple(transform['size'])
    return None


def _dtype(device: str, amp: bool) -> torch.dtype:
    if not amp:
        return torch.float32
    if torch.device(device).type != 'cpu':
        return torch.float16
    if has_bfloat16():
        return torch.bfloat16
    print_log(
        'amp=True: this CPU has no instructions for bfloat16, float32 is '
        'faster on it and taken',
        logger='current',
        level=logging.WARNING,
    )
    return torch.float32


def has_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16."""
    capabilities = getattr(torch.cpu, 'get_capabilities', dict)()
    return any(
        has for name, has in capabilities.items() if name.endswith('bf16')
    )


def _entries(wanted: Wanted, out_dir: str | Path | None) -> list[dict]:
    """What there is to tell about each pair before it is made."""
    entries, taken = [], set()
    for p, g in wanted.pairs:
        person, cloth = wanted.persons[p], wanted.clothes[g]
        entry = {'person': _label(person), 'cloth': _label(cloth)}
        if out_dir is not None:
            stem = wish = strip_name(person.name, cloth.name)
            number = 1
            while stem in taken:
                number += 1
                stem = f'{wish}_{number}'
            taken.add(stem)
            entry['path'] = str(Path(out_dir, 'try_on', f'{stem}.png'))
            entry['strip_path'] = str(Path(out_dir, 'strips', f'{stem}.jpg'))
        entries.append(entry)
    return entries


def _label(picture: Named) -> str:
    source = picture.source
    return str(source) if isinstance(source, str | Path) else picture.name


def _arrays(pictures: dict[str, Tensor]) -> dict:
    """BGR for OpenMMLab."""
    mask = (pictures['warped_mask'][0] * 255).round().byte().cpu().numpy()
    return {
        'try_on': to_uint8(pictures['try_on'])[..., ::-1].copy(),
        'warped_cloth': to_uint8(pictures['warped_cloth'])[..., ::-1].copy(),
        'warped_mask': mask,
    }


def _result(
    wanted: Wanted,
    entries: list[dict],
    done: Collection[int],
    failed: dict[int, str],
) -> dict:
    """Sort the try-ons by persons, and say what is missing."""
    predictions: list[list[dict]] = [[] for _ in wanted.persons]
    for number in sorted(done):
        predictions[wanted.pairs[number][0]].append(entries[number])
    skipped = [
        {
            'person': entries[number]['person'],
            'cloth': entries[number]['cloth'],
            'reason': reason,
        }
        for number, reason in sorted(failed.items())
    ]
    if skipped:
        reasons = dict.fromkeys(failed.values())
        print_log(
            f'{len(skipped)} of {len(entries)} pairs skipped: '
            f'{describe(reasons, "; ")}',
            logger='current',
            level=logging.WARNING,
        )
    return {'predictions': predictions, 'skipped': skipped}


def _draw(sheet: ContactSheet, wanted: Wanted) -> np.ndarray:
    """The sheet with its margins, (H, W, 3) uint8 BGR."""
    for row, person in enumerate(wanted.persons):
        sheet.add_file(row, -1, person.source)
    for column, cloth in enumerate(wanted.clothes):
        sheet.add_file(-1, column, cloth.source)
    return sheet.draw()[..., ::-1].copy()


def _write(result: dict, out_dir: str | Path) -> None:
    """Write what tells of all pairs."""
    if 'grid' in result:
        write_picture(Path(out_dir, 'grid.jpg'), result['grid'][..., ::-1])
    kept = ('person', 'cloth', 'path', 'strip_path')
    write_json(
        Path(out_dir, 'results.json'),
        {
            'try_ons': [
                {key: entry[key] for key in kept}
                for entries in result['predictions']
                for entry in entries
            ],
            'skipped': result['skipped'],
        },
    )

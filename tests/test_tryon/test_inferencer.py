# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Files, lists, folders, pairs and grids; results; and what is refused."""

import gc
import io
import json
import os
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip('mmengine')
from mmengine.config import Config

from mmfashion_ext import hub
from mmfashion_ext.errors import UserError
from mmfashion_ext.tryon import TryOnInferencer
from mmfashion_ext.tryon.inferencer import config_size, load_student
from mmfashion_ext.tryon.transforms import LoadTryOn, PackTryOn
from mmfashion_ext.utils.image_grid import CAPTION

SAMPLES = Path(os.environ.get('MMFASHION_EXT_SAMPLES', '')) / 'viton_demo'
MODEL = 'pf-afn_e2e_8xb4-100e_viton-256x192'
H, W = 64, 40  # those of the fixture


def stems(entries):
    """Person and garment of predictions, results or skipped pairs."""
    return [(Path(e['person']).stem, Path(e['cloth']).stem) for e in entries]


GRID = [(f'perso{n}', f'cloth{m}') for n in range(3) for m in range(4)]


@torch.no_grad()
def published(narrow, person, cloth, mask):
    """The try-on by the model's own way, (h, w, 3) uint8 BGR."""
    model = load_student(*narrow)
    item = LoadTryOn()(
        {'person_path': person, 'cloth_path': cloth, 'cloth_mask_path': mask}
    )
    item = PackTryOn()(item)
    batch = {
        'inputs': {k: v[None] for k, v in item['inputs'].items()},
        'data_samples': [item['data_samples']],
    }
    (sample,) = model.test_step(batch)
    image = (sample.try_on + 1) / 2 * 255
    return image.permute(1, 2, 0).numpy()[..., ::-1]


def test_is_the_try_on_of_the_test(infer, narrow, shop):
    person, cloth, mask = shop.files(0, 1)
    expected = published(narrow, person, cloth, mask)
    result = infer(person, cloth, mask)
    assert result['skipped'] == []
    (entry,) = result['predictions']
    assert [*entry] == [
        *('input', 'name', 'person', 'cloth'),
        *('try_on', 'warped_cloth', 'warped_mask'),
    ]
    assert (entry['person'], entry['cloth']) == (str(person), str(cloth))
    assert entry['input'] == f'{person} + {cloth}'
    assert entry['name'] == 'perso0__cloth1'
    for name in ('try_on', 'warped_cloth'):
        assert entry[name].shape == (H, W, 3)
        assert entry[name].dtype == np.uint8
    assert entry['warped_mask'].shape == (H, W)
    assert set(np.unique(entry['warped_mask'])) >= {0, 255}
    # truncated, not rounded
    difference = expected - entry['try_on']
    assert difference.min() > -0.02
    assert difference.max() < 1.02
    assert entry['try_on'].std() > 5


def test_every_kind_of_input_gives_the_same(infer, shop):
    paths = shop.files(1, 2)
    (expected,) = infer(*paths)['predictions']
    person, cloth, _ = arrays = [cv2.imread(str(path)) for path in paths]
    on = cv2.imread(str(paths[2]), cv2.IMREAD_GRAYSCALE)
    transparent = [
        np.dstack([array, np.full((H, W), 255, np.uint8)])
        for array in arrays[:2]
    ]
    pillow = [Image.fromarray(x[..., ::-1]) for x in arrays[:2]]
    content = [path.read_bytes() for path in paths]
    for given in (
        (person, cloth, on),
        (person, cloth, on > 0),
        (*transparent, on),
        (*pillow, Image.fromarray(on)),
        tuple(content),
        tuple(map(io.BytesIO, content)),
        tuple(iter([array]) for array in (person, cloth, on)),
        tuple([array] for array in (person, cloth, on)),
    ):
        (entry,) = infer(*given)['predictions']
        np.testing.assert_array_equal(entry['try_on'], expected['try_on'])
        assert (entry['person'], entry['cloth']) == ('person', 'cloth')
        assert entry['name'] == 'person__cloth'
    for given, names in (
        ([str(path) for path in paths], (str(paths[0]), str(paths[1]))),
        ([Image.open(x) for x in paths], (str(paths[0]), str(paths[1]))),
        ([x.as_uri().replace('file://', '') for x in paths], None),
        (
            ({'Ann': person}, {'red': cloth}, {'red': on}),
            ('Ann', 'red'),
        ),
    ):
        (entry,) = infer(*given)['predictions']
        np.testing.assert_array_equal(entry['try_on'], expected['try_on'])
        if names:
            assert (entry['person'], entry['cloth']) == names


def test_urls(infer, shop, monkeypatch):
    person, cloth, mask = shop.files(0, 0)
    (expected,) = infer(person, cloth, mask)['predictions']
    monkeypatch.setattr(
        'mmfashion_ext.utils.sources._download',
        lambda url: (shop.root / url.split('//shop/')[1]).read_bytes(),
    )
    urls = [
        f'https://shop/{path.relative_to(shop.root)}'
        for path in (person, cloth, mask)
    ]
    (entry,) = infer(*urls)['predictions']
    np.testing.assert_array_equal(entry['try_on'], expected['try_on'])
    assert entry['person'] == urls[0]
    assert entry['name'] == 'perso0__cloth0'


def test_files_of_a_pair(infer, shop, tmp_path):
    person, cloth, mask = shop.files(0, 0)
    out = tmp_path / 'new' / 'out'
    (entry,) = infer(person, cloth, mask, out_dir=out, draw=True)[
        'predictions'
    ]
    try_on = cv2.imread(str(out / 'predictions/perso0__cloth0.png'))
    np.testing.assert_array_equal(try_on, entry['try_on'])
    strip = cv2.imread(str(out / 'visualizations/perso0__cloth0.jpg'))
    assert strip.shape == entry['visualization'].shape == (H, 3 * W, 3)
    masked = np.where(
        cv2.imread(str(mask)) > 127, cv2.imread(str(cloth)), np.uint8(127)
    )
    panels = [cv2.imread(str(person)), masked, entry['try_on']]
    for n, panel in enumerate(panels):
        drawn = entry['visualization'][:, n * W : (n + 1) * W].astype(int)
        assert np.abs(drawn - panel).max() <= 1
        read = strip[:, n * W : (n + 1) * W].astype(int)
        assert np.abs(read - panel).mean() < 6  # JPEG
    words = {
        'input': f'{person} + {cloth}',
        'name': 'perso0__cloth0',
        'person': str(person),
        'cloth': str(cloth),
    }
    assert json.loads((out / 'results.json').read_text()) == {
        'predictions': [
            {
                **words,
                'visualization': 'visualizations/perso0__cloth0.jpg',
                'prediction': 'predictions/perso0__cloth0.json',
                'files': ['predictions/perso0__cloth0.png'],
            }
        ],
        'skipped': [],
    }
    assert json.loads(
        (out / 'predictions/perso0__cloth0.json').read_text()
    ) == {**words, 'try_on_file': 'predictions/perso0__cloth0.png'}
    names = {p.name for p in out.rglob('*') if p.is_file()}
    assert names == {
        'results.json',
        'perso0__cloth0.json',
        'perso0__cloth0.png',
        'perso0__cloth0.jpg',
    }


def test_grid_computes_each_side_once(infer, shop, tmp_path, monkeypatch):
    counts = {'encode_person': 0, 'encode_cloth': 0, 'dress': 0}
    for name in counts:
        real = getattr(infer.fast, name)

        def count(*args, name=name, real=real):
            counts[name] += 1
            return real(*args)

        monkeypatch.setattr(infer.fast, name, count)
    result = infer(*shop.folders, out_dir=tmp_path / 'out', grid=True)
    assert counts == {'encode_person': 3, 'encode_cloth': 4, 'dress': 12}
    assert stems(result['predictions']) == GRID
    for entry, (person, cloth) in zip(
        result['predictions'], GRID, strict=True
    ):
        alone = infer(*shop.files(person[-1], cloth[-1]))['predictions'][0]
        np.testing.assert_array_equal(entry['try_on'], alone['try_on'])
    sheet = result['grid']
    assert sheet.shape == (CAPTION + 4 * (H + CAPTION), 5 * W, 3)
    assert (sheet[: CAPTION + H, :W] == 255).all()
    cell = cell_of(sheet, 2, 4)
    np.testing.assert_array_equal(cell, result['predictions'][7]['try_on'])
    head = cell_of(sheet, 2, 0)
    np.testing.assert_array_equal(head, cv2.imread(str(shop.files(1, 0)[0])))
    head = cell_of(sheet, 0, 4)
    np.testing.assert_array_equal(head, cv2.imread(str(shop.files(0, 3)[1])))
    written = cv2.imread(str(tmp_path / 'out' / 'grid.jpg'))
    assert written.shape == sheet.shape


def test_blocks_of_garments_and_batches(narrow, infer, shop, monkeypatch):
    """Little memory or much, one by one or in batches: the same try-ons."""
    expected = infer(*shop.folders, grid=True)
    batched = TryOnInferencer(
        *narrow, device='cpu', batch_size=3, show_progress=False
    )
    monkeypatch.setattr(
        'mmfashion_ext.tryon.inference.pair_session.CACHE_BYTES', 1
    )
    for other in (infer, batched):
        found = other(*shop.folders, grid=True)
        assert stems(found['predictions']) == GRID
        for ours, theirs in zip(
            found['predictions'], expected['predictions'], strict=True
        ):
            difference = np.abs(ours['try_on'].astype(int) - theirs['try_on'])
            assert difference.max() <= 1


def test_results_are_in_order_though_blocks_are_not(
    infer, shop, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        'mmfashion_ext.tryon.inference.pair_session.CACHE_BYTES', 1
    )
    stream = infer(*shop.folders, grid=True, out_dir=tmp_path, stream=True)
    run = stems(stream)
    assert sorted(run) == GRID
    assert run != GRID  # one garment after the other
    written = json.loads((tmp_path / 'results.json').read_text())
    assert stems(written['predictions']) == GRID
    assert (tmp_path / 'grid.jpg').is_file()


def test_pairs(infer, shop):
    pairs = shop.root / 'pairs.txt'
    pairs.write_text(
        'perso2.bmp cloth1.bmp\nperso0.bmp cloth3.bmp\n\n'
        'perso2.bmp cloth0.bmp\nperso2.bmp cloth1.bmp\n'
    )
    result = infer(*shop.folders, pairs=pairs)
    assert stems(result['predictions']) == [
        ('perso2', 'cloth1'),
        ('perso0', 'cloth3'),
        ('perso2', 'cloth0'),
    ]


def test_lists(infer, shop):
    """In their order; one meets all."""
    some = [shop.files(n, n) for n in (2, 0)]
    persons, clothes, masks = map(list, zip(*some, strict=True))
    result = infer(persons, clothes, masks)
    assert stems(result['predictions']) == [
        ('perso2', 'cloth2'),
        ('perso0', 'cloth0'),
    ]
    result = infer(persons, clothes[0], masks[0])
    assert stems(result['predictions']) == [
        ('perso2', 'cloth2'),
        ('perso0', 'cloth2'),
    ]
    arrays = [cv2.imread(str(path)) for path in clothes]
    result = infer(persons[0], arrays, masks)
    assert [e['cloth'] for e in result['predictions']] == ['cloth', 'cloth_2']


def test_inputs_of_one_name_do_not_overwrite_each_other(infer, shop, tmp_path):
    person, cloth, mask = shop.files(0, 0)
    result = infer(person, [cloth] * 2, [mask] * 2, out_dir=tmp_path / 'out')
    names = [entry['name'] for entry in result['predictions']]
    assert names == ['perso0__cloth0', 'perso0__cloth0_2']
    files = (tmp_path / 'out' / 'predictions').glob('*.png')
    assert sorted(path.stem for path in files) == names


def test_a_missing_mask_is_made(infer):
    cloth = np.full((H, W, 3), 250, np.uint8)
    cloth[20:50, 10:30] = 40, 160, 30
    person = np.full((H, W, 3), 128, np.uint8)
    drawn = np.zeros((H, W), np.uint8)
    drawn[20:50, 10:30] = 255
    (made,) = infer(person, cloth)['predictions']
    (given,) = infer(person, cloth, drawn)['predictions']
    difference = made['warped_mask'] != given['warped_mask']
    assert difference.mean() < 0.02


def cell_of(sheet, row, column):
    """A cell of the contact sheet: titles above, a person's name below."""
    top = CAPTION + row * (H + CAPTION)
    return sheet[top : top + H, column * W : (column + 1) * W]


def damage(shop):
    """One person, and three garments in three ways."""
    (shop.root / 'persons' / 'notes.txt').write_text('not an image')
    whole = shop.files(0, 0)[0].read_bytes()
    shop.files(1, 0)[0].write_bytes(whole[:1000])
    cv2.imwrite(str(shop.files(0, 0)[2]), np.zeros((H, W)))
    large = cv2.imread(str(shop.files(0, 2)[1]))
    large = cv2.resize(large, (2 * W, 2 * H))
    cv2.imwrite(str(shop.files(0, 2)[1]), large)
    mask = cv2.resize(cv2.imread(str(shop.files(0, 2)[2])), (80, 128))
    cv2.imwrite(str(shop.files(0, 2)[2]), mask)
    cv2.imwrite(str(shop.files(0, 3)[2]), mask)


def test_bad_pairs_are_skipped_and_named(infer, shop, tmp_path, monkeypatch):
    damage(shop)
    lines = []
    monkeypatch.setattr(
        'mmfashion_ext.inferencer.print_log',
        lambda line, **kwargs: lines.append(line),
    )
    result = infer(*shop.folders, out_dir=tmp_path / 'out', grid=True)
    assert stems(result['predictions']) == [
        ('perso0', 'cloth1'),
        ('perso2', 'cloth1'),
    ]
    assert [*result['skipped'][0]] == ['input', 'reason', 'person', 'cloth']
    pairs = stems(result['skipped'])
    assert pairs == [pair for pair in GRID if pair in pairs]
    reasons = {
        pair: entry['reason']
        for pair, entry in zip(pairs, result['skipped'], strict=True)
    }
    assert len(reasons) == 10
    assert 'perso1.bmp' in reasons['perso1', 'cloth1']
    assert 'cannot be read as' in reasons['perso1', 'cloth1']
    assert 'an empty mask' in reasons['perso0', 'cloth0']
    assert 'cloth2.bmp has 80 x 128 px' in reasons['perso0', 'cloth2']
    assert '--size H W' in reasons['perso0', 'cloth2']
    assert 'cloth3.png has 80 x 128 px' in reasons['perso0', 'cloth3']
    assert all('\n' not in reason for reason in reasons.values())
    shown = cell_of(result['grid'], 3, 2)
    np.testing.assert_array_equal(shown, result['predictions'][1]['try_on'])
    for column in range(5):  # the damaged person: crossed out
        marked = cell_of(result['grid'], 2, column)
        assert (marked == 200).mean() > 0.5
    assert (cell_of(result['grid'], 1, 1) == 200).mean() > 0.5  # no try-on
    written = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert written['skipped'] == result['skipped']
    (line,) = lines
    assert line.startswith('10 of the inputs skipped: ')
    assert 'perso1.bmp' in line
    assert line.count('an empty mask') == 1  # of three pairs

    for bad in ((1, 1), (0, 0), (0, 2), (0, 3)):
        with pytest.raises(UserError):  # the only pair
            infer(*shop.files(*bad))


@pytest.mark.fault(12)
def test_masks_that_are_not_plausible_are_said(
    infer, shop, tmp_path, monkeypatch
):
    """Once for a garment, whatever the number of persons."""
    lines = []
    monkeypatch.setattr(
        'mmfashion_ext.utils.skipped.print_log',
        lambda line, **kwargs: lines.append(line),
    )
    cloth = np.full((H, W, 3), 250, np.uint8)
    cloth[12:50, 10:30] = 30, 60, 160
    mask = np.zeros((H, W), np.uint8)
    mask[12:50, 10:30] = 255
    persons = [str(shop.files(n, 0)[0]) for n in (0, 1)]
    found = infer(persons[0], cloth, mask)['predictions'][0]
    assert 'notes' not in found
    assert lines == []
    clothes = {'inverted': cloth, 'whole': cloth, 'good': cloth}
    masks = {'inverted': 255 - mask, 'whole': mask | 255, 'good': mask}
    result = infer(persons, clothes, masks, grid=True, out_dir=tmp_path)
    notes = {p['cloth']: p.get('notes') for p in result['predictions']}
    assert notes['good'] is None
    assert notes['inverted'][0].startswith('the mask is inverted (')
    assert notes['whole'][0].startswith('the mask covers nearly nothing or ev')
    (line,) = lines
    assert line.startswith('2 garments with masks that are not plausible: ')
    assert line.count('inverted: the mask is inverted') == 1
    written = json.loads(
        (tmp_path / 'predictions' / 'perso0__inverted.json').read_text()
    )
    assert written['notes'] == notes['inverted']
    resumed = infer(
        *(persons, clothes, masks),
        **dict(grid=True, out_dir=tmp_path, resume=True),
    )
    assert resumed['predictions'][0]['notes'] == notes['inverted']


@pytest.mark.fault(12)
def test_made_masks_are_looked_at_too(infer, shop, capsys):
    """A garment that is cut off by the photograph is warped wrongly."""
    person = shop.files(0, 0)[0]
    image = np.full((H, W, 3), 30, np.uint8)
    image[10:, 14:29] = image[20:40, 14:] = 200  # cropped: touches the border
    (entry,) = infer(person, image)['predictions']
    assert entry['notes'][0].startswith('the mask, made by GrabCut, touches')


def test_a_mask_that_cannot_be_made_is_refused_with_the_reason(infer, shop):
    """Parts of a carpet in the garment would be put on the person."""
    person, _, mask = shop.files(0, 0)
    noise = np.random.default_rng(0).integers(0, 256, (H, W, 3), np.uint8)
    with pytest.raises(
        UserError, match=r'no plausible mask of .* \(.*\); give a mask'
    ):
        infer(person, noise)
    assert infer(person, noise, mask)['predictions']


@pytest.mark.fault(27)
def test_too_little_memory_for_one_pair(narrow, shop, tmp_path, monkeypatch):
    """The batch is tried again pair by pair; the rest is made."""
    infer = TryOnInferencer(
        *narrow, device='cpu', batch_size=4, show_progress=False
    )
    real = infer.fast.encode_cloth

    def encode(cloth, mask):
        if len(cloth) > 1 or mask.sum() == 42 * 24:  # the mask of cloth2
            raise RuntimeError('CUDA out of memory.\nTried to allocate')
        return real(cloth, mask)

    monkeypatch.setattr(infer.fast, 'encode_cloth', encode)
    result = infer(*shop.folders, grid=True, out_dir=tmp_path / 'out')
    assert stems(result['predictions']) == [
        pair for pair in GRID if pair[1] != 'cloth2'
    ]
    assert {entry['reason'] for entry in result['skipped']} == {
        'RuntimeError: CUDA out of memory. Tried to allocate'
    }
    written = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert len(written['predictions']) == 9
    with pytest.raises(RuntimeError, match='out of memory'):
        infer(*shop.files(0, 2))


def test_resizes_if_told_to(narrow, shop):
    person, cloth, mask = shop.files(0, 0)
    large = cv2.resize(cv2.imread(str(cloth)), (3 * W, 2 * H))
    on = cv2.resize(cv2.imread(str(mask)), (3 * W, 2 * H))
    infer = TryOnInferencer(*narrow, device='cpu', size=(32, 64))
    (entry,) = infer(person, large, on)['predictions']
    assert entry['try_on'].shape == (32, 64, 3)


def test_uses_the_size_of_the_config():
    name = 'pf-afn_e2e_8xb4-100e_viton-hd-512x384'
    assert config_size(Config.fromfile(hub.config_path(name))) == (512, 384)
    assert config_size(Config.fromfile(hub.config_path(MODEL))) is None


def test_resume(infer, shop, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    (first,) = infer(*shop.files(0, 0), out_dir=out)['predictions']
    runs = []
    real = infer.fast.dress
    monkeypatch.setattr(
        infer.fast, 'dress', lambda *a: runs.append(a) or real(*a)
    )
    result = infer(
        *shop.folders, out_dir=out, grid=True, resume=True, keep_arrays=False
    )
    assert len(runs) == 11
    assert stems(result['predictions']) == GRID
    for entry in result['predictions']:
        assert [*entry] == ['input', 'name', 'person', 'cloth']
        assert (out / 'predictions' / f'{entry["name"]}.png').is_file()
    shown = cell_of(result['grid'], 1, 1)
    np.testing.assert_array_equal(shown, first['try_on'])
    written = json.loads((out / 'results.json').read_text())
    assert stems(written['predictions']) == GRID

    result = infer(*shop.folders, out_dir=out, grid=True, resume=True, draw=1)
    assert len(runs) == 11
    entry = result['predictions'][0]
    np.testing.assert_array_equal(entry['try_on'], first['try_on'])
    assert entry['visualization'].shape == (H, 3 * W, 3)
    assert 'warped_cloth' not in entry
    assert json.loads((out / 'results.json').read_text()) == written


@pytest.mark.parametrize('change', ['cut off', 'strip', 'other person'])
def test_resume_runs_again_what_is_not_whole(infer, shop, tmp_path, change):
    out = tmp_path / 'out'
    person, cloth, mask = shop.files(0, 0)
    (first,) = infer(person, cloth, mask, out_dir=out)['predictions']
    record = out / 'predictions' / 'perso0__cloth0.json'
    if change == 'cut off':
        record.write_text(record.read_text()[:20])
    elif change == 'strip':
        (out / 'visualizations' / 'perso0__cloth0.jpg').unlink()
    else:  # of the same name in another folder
        (shop.root / 'more').mkdir()
        whole = shop.files(1, 0)[0].read_bytes()
        person = shop.root / 'more' / person.name
        person.write_bytes(whole)
    (again,) = infer(person, cloth, mask, out_dir=out, resume=True)[
        'predictions'
    ]
    assert 'warped_cloth' in again  # it was run
    same = np.array_equal(again['try_on'], first['try_on'])
    assert same == (change != 'other person')
    assert json.loads(record.read_text())['person'] == str(person)


def test_stream_reads_generators_while_it_runs(infer, shop, tmp_path):
    read = []

    def persons():
        for n in (0, 1, 9, 2):
            read.append(n)
            yield shop.files(n, 0)[0]

    _, cloth, mask = shop.files(0, 0)
    stream = infer(persons(), cloth, mask, stream=True, out_dir=tmp_path)
    assert read == [0, 1]  # to tell one from many
    assert next(stream)['name'] == 'perso0__cloth0'
    assert next(stream)['name'] == 'perso1__cloth0'
    assert read == [0, 1]
    assert next(stream)['name'] == 'perso2__cloth0'
    assert [Path(e['person']).stem for e in stream.skipped] == ['perso9']
    assert [*stream] == []
    written = json.loads((tmp_path / 'results.json').read_text())
    assert [e['name'][:6] for e in written['predictions']] == [
        *('perso0', 'perso1', 'perso2')
    ]


@pytest.mark.fault(25)
@pytest.mark.parametrize(
    'run',
    ['whole', 'error', 'stream', 'dropped', 'read to its end', 'one error'],
)
def test_features_are_freed_when_a_call_ends(infer, shop, monkeypatch, run):
    """At once: nobody has to wait for the garbage collector."""
    features = []
    for name in ('encode_person', 'encode_cloth'):
        real = getattr(infer.fast, name)

        def encode(*args, real=real):
            encoded = real(*args)
            features.append(weakref.ref(encoded.maps[0]))
            return encoded

        monkeypatch.setattr(infer.fast, name, encode)
    if 'error' in run:
        damage(shop)
    gc.collect()
    gc.disable()
    try:
        if run == 'stream':
            stream = infer(*shop.folders, grid=True, stream=True)
            next(stream)
            assert any(ref() is not None for ref in features)
            stream.close()
        elif run == 'dropped':
            stream = infer(*shop.folders, grid=True, stream=True)
            next(stream)
            del stream
        elif run == 'read to its end':
            stream = infer(*shop.folders, grid=True, stream=True)
            for prediction in stream:
                del prediction['try_on']
        elif run == 'one error':
            real = infer.fast.dress

            def dress(*args):
                raise RuntimeError('out of memory')

            monkeypatch.setattr(infer.fast, 'dress', dress)
            with pytest.raises(RuntimeError, match='out of memory'):
                infer(*shop.files(0, 1))
        else:
            infer(*shop.folders, grid=True)
        assert features
        assert all(ref() is None for ref in features)
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'grid': True, 'pairs': 'pairs.txt'}, 'both pairs and grid=True'),
        ({}, r'two folders, of 3 persons and 4 garments: .* pairs=FILE'),
        ({'person': []}, r'person: expected an image, a folder.* got \[\]'),
        ({'person': None}, 'person: expected an image .* got NoneType: None'),
        ({'person': 'persons/perso0.bmp', 'cloth': 3}, 'cloth: .* int: 3'),
        ({'person': ['a', 'b']}, '2 persons and 4 garments'),
        ({'pairs': 'nowhere.txt'}, 'no such file of pairs'),
        ({'pairs': 'pairs.txt', 'person': ['a']}, 'person is not a folder'),
        ({'cloth_mask': ['a'], 'grid': True}, '1 masks of 4 garments'),
        ({'cloth': 'persons/..'}, r'cloth: persons/\.\.: no images in this'),
        ({'grid': True, 'out_dir': 'persons/perso0.bmp'}, 'below, a file'),
        ({'resume': True}, 'needs the out_dir'),
        ({'keep_arrays': False}, 'would return and write no image'),
        ({'show': True, 'grid': True}, 'show=True needs a display'),
        ({'person': 'no.jpg', 'cloth': 'no.jpg'}, 'no.jpg'),
    ],
)
def test_refused(infer, shop, change, message, monkeypatch):
    monkeypatch.chdir(shop.root)
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    given = {'person': 'persons', 'cloth': 'clothes', **change}
    with pytest.raises(UserError, match=message) as raised:
        infer(**given)
    assert '\n' not in str(raised.value)


def test_only_parser_free_models(narrow):
    with pytest.raises(UserError, match='only parser-free models'):
        TryOnInferencer('pb-afn_e2e_8xb4-100e_viton-256x192', narrow[1])
    with pytest.raises(UserError, match='only parser-free models'):
        TryOnInferencer('scan_r10-small_1xb32-12e_synthetic-64x32', narrow[1])
    with pytest.raises(UserError, match='got a Linear, expected a parser-fr'):
        TryOnInferencer(torch.nn.Linear(1, 1))
    with pytest.raises(UserError, match='no weights are published for pf-afn'):
        TryOnInferencer(MODEL)
    with pytest.raises(UserError, match='batch_size must be 1 or more'):
        TryOnInferencer(*narrow, batch_size=0)
    with pytest.raises(UserError, match=r'size must be .* got \(0, 3\)'):
        TryOnInferencer(*narrow, size=(0, 3))
    with pytest.raises(UserError, match="device 'gpu' cannot be used"):
        TryOnInferencer(*narrow, device='gpu')


def test_a_model_that_is_built_already(narrow, infer, shop):
    model = load_student(*narrow)
    built = TryOnInferencer(model, show_progress=False)
    (entry,) = built(*shop.files(0, 0))['predictions']
    (expected,) = infer(*shop.files(0, 0))['predictions']
    np.testing.assert_array_equal(entry['try_on'], expected['try_on'])
    assert built.model is model
    assert model.warp_net is not None  # the user's stays as it was
    assert infer.model.warp_net is None  # ours is in memory once
    assert built.device == infer.device == torch.device('cpu')


def test_needs_neither_vgg_nor_teacher(narrow):
    model = load_student(*narrow)
    assert model.perceptual is None
    assert model.teacher is None


def test_half_precision_where_the_cpu_has_it(narrow, shop, monkeypatch):
    dtypes = {}
    for has in (False, True):
        monkeypatch.setattr(
            'mmfashion_ext.tryon.inferencer.has_bfloat16',
            lambda has=has: has,
        )
        infer = TryOnInferencer(*narrow, device='cpu', amp=True)
        dtypes[has] = infer.fast.dtype
        assert infer(*shop.files(0, 0))['predictions']
    assert dtypes == {False: torch.float32, True: torch.bfloat16}


def test_by_name(narrow, shop):
    config, weights = narrow
    person, cloth, mask = shop.files(0, 0)
    image = cv2.imread(str(person))  # BGR, as that function says
    result = hub.inference_model(
        config, image, cloth, mask, checkpoint=weights, device='cpu'
    )
    (entry,) = result['predictions']
    assert entry['try_on'].shape == (H, W, 3)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason='needs the demo images')
def test_real_images_are_prepared_as_published(infer, tmp_path):
    """Persons and masked clothes of the six published strips."""
    folders = [SAMPLES / k for k in ('test_img', 'test_clothes', 'test_edge')]
    result = infer(
        *folders, out_dir=tmp_path, pairs=SAMPLES / 'demo.txt', draw=True
    )
    assert result['skipped'] == []
    for number, entry in enumerate(result['predictions']):
        written = f'{tmp_path}/visualizations/{entry["name"]}.jpg'
        strips = [
            cv2.imread(str(path)).astype(int)
            for path in (
                SAMPLES / 'results_demo_PFAFN' / f'{number}.jpg',
                written,
            )
        ]
        assert strips[0].shape == strips[1].shape == (256, 576, 3)
        difference = np.abs(strips[0] - strips[1])[:, :384]
        assert difference.mean() < 1.5  # grey levels: two JPEGs

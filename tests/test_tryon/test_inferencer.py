# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Pictures, lists, folders, pairs and grids; and what is refused."""

import json
import os
from itertools import chain
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
from mmfashion_ext.formats.viton.files import read_rgb
from mmfashion_ext.tryon import TryOnInferencer
from mmfashion_ext.tryon.inference.inputs import find
from mmfashion_ext.tryon.inferencer import _resized_to, load_student
from mmfashion_ext.tryon.transforms import LoadTryOn, PackTryOn

SAMPLES = Path(os.environ.get('MMFASHION_EXT_SAMPLES', '')) / 'viton_demo'
MODEL = 'pf-afn_e2e_8xb4-100e_viton-256x192'
H, W = 64, 40  # no multiple of 32: padded and cropped


@pytest.fixture(scope='module')
def narrow(tmp_path_factory):
    """Config of a narrow student, and its random weights."""
    folder = tmp_path_factory.mktemp('narrow')
    config = folder / 'narrow.py'
    config.write_text(
        f"""
_base_ = {hub.config_path(MODEL)!r}
model = dict(
    warp_net=dict(
        widths=(4, 4, 6, 6, 6), channels=6, head_channels=(6, 4, 4)
    ),
    generator=dict(widths=(4, 4, 6, 6, 6)),
)
"""
    )
    torch.manual_seed(0)
    model = load_student(str(config))
    weights = folder / 'narrow.pth'
    torch.save({'state_dict': model.state_dict()}, weights)
    return str(config), weights


@pytest.fixture(scope='module')
def infer(narrow):
    return TryOnInferencer(*narrow, device='cpu')


@pytest.fixture
def shop(tmp_path):
    """Folders of 3 persons and 4 garments with masks, and one of all."""
    rng = np.random.default_rng(0)
    for kind, count in (('persons', 3), ('clothes', 4), ('masks', 4)):
        (tmp_path / kind).mkdir()
        for n in range(count):
            if kind == 'masks':
                picture = np.zeros((H, W), np.uint8)
                picture[10 : 50 + n, 8:32] = 255
            else:
                picture = rng.integers(0, 256, (H // 8, W // 8, 3), np.uint8)
                picture = cv2.resize(picture, (W, H))
            # masks have another ending than their garments
            ending = {'masks': 'png'}.get(kind, 'bmp')
            name = f'{kind[:5]}{n}' if kind == 'persons' else f'cloth{n}'
            cv2.imwrite(str(tmp_path / kind / f'{name}.{ending}'), picture)
    return tmp_path


def files(shop, n, m):
    """Person n, garment m and its mask."""
    return (
        shop / 'persons' / f'perso{n}.bmp',
        shop / 'clothes' / f'cloth{m}.bmp',
        shop / 'masks' / f'cloth{m}.png',
    )


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
    picture = (sample.try_on + 1) / 2 * 255
    return picture.permute(1, 2, 0).numpy()[..., ::-1]


def test_is_the_try_on_of_the_test(infer, narrow, shop):
    person, cloth, mask = files(shop, 0, 1)
    expected = published(narrow, person, cloth, mask)
    result = infer(person, cloth, mask)
    assert result['skipped'] == []
    ((entry,),) = result['predictions']
    assert (entry['person'], entry['cloth']) == (str(person), str(cloth))
    assert 'path' not in entry
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


def test_arrays_are_bgr_and_pillow_knows_better(infer, shop):
    person, cloth, mask = files(shop, 1, 2)
    expected = infer(person, cloth, mask)['predictions'][0][0]
    arrays = [cv2.imread(str(path)) for path in (person, cloth)]
    on = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
    transparent = [np.dstack([a, np.full((H, W), 255)]) for a in arrays]
    for given in (
        (*arrays, on),
        (*arrays, on > 0),
        (*(t.astype(np.uint8) for t in transparent), on),
        tuple(map(Image.open, (person, cloth, mask))),
    ):
        (entry,) = infer(*given)['predictions'][0]
        assert np.array_equal(entry['try_on'], expected['try_on'])
        assert (entry['person'], entry['cloth']) == ('person', 'cloth')


def test_writes_strips_and_try_ons(infer, shop, tmp_path):
    person, cloth, mask = files(shop, 0, 0)
    out = tmp_path / 'new' / 'out'
    (entry,) = infer(person, cloth, mask, out)['predictions'][0]
    assert entry['path'] == str(out / 'try_on' / 'perso0__cloth0.png')
    assert np.array_equal(cv2.imread(entry['path']), entry['try_on'])
    strip = cv2.imread(entry['strip_path'])
    assert strip.shape == (H, 3 * W, 3)
    masked = np.where(
        read_rgb(mask) > 127, cv2.imread(str(cloth)), np.uint8(127)
    )
    panels = [cv2.imread(str(person)), masked, entry['try_on']]
    for n, panel in enumerate(panels):
        shown = strip[:, n * W : (n + 1) * W].astype(int)
        assert np.abs(shown - panel).mean() < 6  # JPEG
    assert json.loads((out / 'results.json').read_text()) == {
        'try_ons': [
            {k: entry[k] for k in ('person', 'cloth', 'path', 'strip_path')}
        ],
        'skipped': [],
    }
    names = {p.name for p in out.rglob('*') if p.is_file()}
    assert names == {
        'results.json',
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
    folders = [shop / kind for kind in ('persons', 'clothes', 'masks')]
    result = infer(*folders, out_dir=tmp_path / 'out', grid=True)
    assert counts == {'encode_person': 3, 'encode_cloth': 4, 'dress': 12}
    assert [len(entries) for entries in result['predictions']] == [4, 4, 4]
    for n, entries in enumerate(result['predictions']):
        for m, entry in enumerate(entries):
            person, cloth, mask = files(shop, n, m)
            assert (entry['person'], entry['cloth']) == (
                str(person),
                str(cloth),
            )
            alone = infer(person, cloth, mask)['predictions'][0][0]
            assert np.array_equal(entry['try_on'], alone['try_on'])
    sheet = result['grid']
    assert sheet.shape == (4 * H, 5 * W, 3)
    assert (sheet[:H, :W] == 255).all()
    cell = sheet[2 * H : 3 * H, 4 * W :]
    assert np.array_equal(cell, result['predictions'][1][3]['try_on'])
    head = sheet[2 * H : 3 * H, :W]
    assert np.array_equal(head, cv2.imread(str(files(shop, 1, 0)[0])))
    head = sheet[:H, 4 * W :]
    assert np.array_equal(head, cv2.imread(str(files(shop, 0, 3)[1])))
    written = cv2.imread(str(tmp_path / 'out' / 'grid.jpg'))
    assert written.shape == sheet.shape


def test_blocks_of_garments_and_batches(narrow, infer, shop, monkeypatch):
    """Little room or much, one by one or in batches: the same try-ons."""
    folders = [shop / kind for kind in ('persons', 'clothes', 'masks')]
    expected = infer(*folders, grid=True)
    batched = TryOnInferencer(*narrow, device='cpu', batch_size=3)
    monkeypatch.setattr('mmfashion_ext.tryon.inference.session.ROOM', 1)
    for other in (infer, batched):
        found = other(*folders, grid=True)
        for ours, theirs in zip(
            chain(*found['predictions']),
            chain(*expected['predictions']),
            strict=True,
        ):
            assert ours['cloth'] == theirs['cloth']
            difference = np.abs(ours['try_on'].astype(int) - theirs['try_on'])
            assert difference.max() <= 1


def test_pairs(infer, shop):
    pairs = shop / 'pairs.txt'
    pairs.write_text(
        'perso2.bmp cloth1.bmp\nperso0.bmp cloth3.bmp\n\n'
        'perso2.bmp cloth0.bmp\nperso2.bmp cloth1.bmp\n'
    )
    result = infer(
        *(shop / kind for kind in ('persons', 'clothes', 'masks')),
        pairs=pairs,
    )
    found = [
        [(Path(e['person']).stem, Path(e['cloth']).stem) for e in entries]
        for entries in result['predictions']
    ]
    assert found == [
        [('perso2', 'cloth1'), ('perso2', 'cloth0')],
        [('perso0', 'cloth3')],
    ]


def test_lists(infer, shop):
    """In their order; one meets all."""
    some = [files(shop, n, n) for n in (2, 0)]
    persons, clothes, masks = map(list, zip(*some, strict=True))
    result = infer(persons, clothes, masks)
    assert [len(entries) for entries in result['predictions']] == [1, 1]
    assert result['predictions'][1][0]['cloth'] == str(clothes[1])
    result = infer(persons, clothes[0], masks[0])
    assert [len(entries) for entries in result['predictions']] == [1, 1]
    arrays = [cv2.imread(str(path)) for path in clothes]
    (entries,) = infer(persons[0], arrays, masks)['predictions']
    assert [entry['cloth'] for entry in entries] == ['cloth', 'cloth_2']


def test_names_that_are_taken_get_a_number(infer, shop, tmp_path):
    person, cloth, mask = files(shop, 0, 0)
    (entries,) = infer(person, [cloth, cloth], [mask, mask], tmp_path / 'out')[
        'predictions'
    ]
    names = [Path(entry['path']).name for entry in entries]
    assert names == ['perso0__cloth0.png', 'perso0__cloth0_2.png']


def test_a_missing_mask_is_made(infer, tmp_path):
    cloth = np.full((H, W, 3), 250, np.uint8)
    cloth[20:50, 10:30] = 40, 160, 30
    person = np.full((H, W, 3), 128, np.uint8)
    drawn = np.zeros((H, W), np.uint8)
    drawn[20:50, 10:30] = 255
    (made,) = infer(person, cloth)['predictions'][0]
    (given,) = infer(person, cloth, drawn)['predictions'][0]
    difference = made['warped_mask'] != given['warped_mask']
    assert difference.mean() < 0.02


def test_a_folder_that_lacks_masks_is_told(shop, monkeypatch):
    lines = []
    monkeypatch.setattr(
        'mmfashion_ext.tryon.inference.inputs.print_log',
        lambda line, **kwargs: lines.append(line),
    )
    person, cloth, _ = files(shop, 0, 0)
    find(person, cloth, shop / 'masks')
    assert not lines
    find(person, cloth, shop / 'persons')
    (line,) = lines
    assert 'persons lacks the masks of 1 of 1 garments: cloth0.bmp' in line


def test_what_is_bad_is_left_out_and_named(infer, shop, tmp_path):
    folders = [shop / kind for kind in ('persons', 'clothes', 'masks')]
    (shop / 'persons' / 'notes.txt').write_text('no picture')
    whole = (shop / 'persons' / 'perso0.bmp').read_bytes()
    (shop / 'persons' / 'perso1.bmp').write_bytes(whole[:1000])
    cv2.imwrite(str(shop / 'masks' / 'cloth0.png'), np.zeros((H, W)))
    large = cv2.imread(str(shop / 'clothes' / 'cloth2.bmp'))
    large = cv2.resize(large, (2 * W, 2 * H))
    cv2.imwrite(str(shop / 'clothes' / 'cloth2.bmp'), large)
    mask = cv2.resize(
        cv2.imread(str(shop / 'masks' / 'cloth2.png')), (80, 128)
    )
    cv2.imwrite(str(shop / 'masks' / 'cloth2.png'), mask)
    cv2.imwrite(str(shop / 'masks' / 'cloth3.png'), mask)

    result = infer(*folders, out_dir=tmp_path / 'out', grid=True)
    assert [len(entries) for entries in result['predictions']] == [1, 0, 1]
    reasons = {
        (Path(s['person']).stem, Path(s['cloth']).stem): s['reason']
        for s in result['skipped']
    }
    assert len(reasons) == 10
    assert 'cannot be read as an image' in reasons['perso1', 'cloth1']
    assert 'an empty mask' in reasons['perso0', 'cloth0']
    assert 'cloth2.bmp has 80 x 128 px' in reasons['perso0', 'cloth2']
    assert '--size H W' in reasons['perso0', 'cloth2']
    assert 'cloth3.png has 80 x 128 px' in reasons['perso0', 'cloth3']
    assert all('\n' not in reason for reason in reasons.values())
    assert result['grid'].shape == (4 * H, 5 * W, 3)
    (row,) = result['predictions'][2]
    shown = result['grid'][3 * H :, 2 * W : 3 * W]
    assert np.array_equal(shown, row['try_on'])
    assert (result['grid'][2 * H : 3 * H] == 255).all()  # the damaged one
    written = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert written['skipped'] == result['skipped']

    for bad in ((1, 1), (0, 0), (0, 2), (0, 3)):
        with pytest.raises(UserError):  # it is all that is wanted
            infer(*files(shop, *bad))


def test_resizes_if_told_to(narrow, shop):
    person, cloth, mask = files(shop, 0, 0)
    large = cv2.resize(cv2.imread(str(cloth)), (3 * W, 2 * H))
    on = cv2.resize(cv2.imread(str(mask)), (3 * W, 2 * H))
    infer = TryOnInferencer(*narrow, device='cpu', size=(32, 64))
    (entry,) = infer(person, large, on)['predictions'][0]
    assert entry['try_on'].shape == (32, 64, 3)


def test_takes_the_size_of_the_config():
    name = 'pf-afn_e2e_8xb4-100e_viton-hd-512x384'
    assert _resized_to(Config.fromfile(hub.config_path(name))) == (512, 384)
    assert _resized_to(Config.fromfile(hub.config_path(MODEL))) is None


def test_resume(infer, shop, tmp_path, monkeypatch):
    person, cloth, mask = files(shop, 0, 0)
    folders = [shop / kind for kind in ('persons', 'clothes', 'masks')]
    out = tmp_path / 'out'
    (first,) = infer(person, cloth, mask, out)['predictions'][0]
    seen = []
    real = infer.fast.dress
    monkeypatch.setattr(
        infer.fast, 'dress', lambda *a: seen.append(a) or real(*a)
    )
    result = infer(
        *folders, out_dir=out, grid=True, resume=True, keep_arrays=False
    )
    assert len(seen) == 11
    assert [len(entries) for entries in result['predictions']] == [4, 4, 4]
    assert all(
        'try_on' not in entry and Path(entry['path']).is_file()
        for entry in chain(*result['predictions'])
    )
    shown = result['grid'][H : 2 * H, W : 2 * W]
    assert np.array_equal(shown, first['try_on'])


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'grid': True, 'pairs': 'pairs.txt'}, 'pairs or grid'),
        ({}, r'two folders, of 3 persons and 4 garments: .* pairs=FILE'),
        ({'person': []}, r'person: expected a picture, a list .* got \[\]'),
        ({'person': None}, 'person: expected a picture, a list .* got None'),
        ({'cloth': ['a', 3]}, 'cloth_2: expected a file, an array .* got 3'),
        ({'person': ['a', 'b']}, '2 persons and 4 garments'),
        ({'pairs': 'nowhere.txt'}, 'no such file of pairs'),
        ({'pairs': 'pairs.txt', 'person': ['a']}, 'person is no folder'),
        ({'cloth_mask': ['a'], 'grid': True}, '1 masks of 4 garments'),
        ({'cloth': 'persons/..'}, 'cloth: the folder persons/.. holds no'),
        ({'grid': True, 'out_dir': 'persons/perso0.bmp'}, 'below, a file'),
        ({'resume': True}, 'needs the out_dir'),
        ({'keep_arrays': False}, 'leaves nothing'),
        ({'person': 'no.jpg', 'cloth': 'no.jpg'}, 'no.jpg: no such file'),
    ],
)
def test_refused(infer, shop, change, message, monkeypatch):
    monkeypatch.chdir(shop)
    given = {'person': 'persons', 'cloth': 'clothes', **change}
    with pytest.raises(UserError, match=message) as raised:
        infer(**given)
    assert '\n' not in str(raised.value)


def test_only_parser_free_models(narrow):
    with pytest.raises(UserError, match='only parser-free models'):
        TryOnInferencer('pb-afn_e2e_8xb4-100e_viton-256x192')
    with pytest.raises(UserError, match='only parser-free models'):
        TryOnInferencer('scan_r10-small_1xb32-12e_synthetic-64x32')
    with pytest.raises(UserError, match='batch_size must be 1 or more'):
        TryOnInferencer(narrow[0], batch_size=0)
    with pytest.raises(UserError, match=r'size must be .* got \(0, 3\)'):
        TryOnInferencer(narrow[0], size=(0, 3))
    with pytest.raises(UserError, match="device 'gpu' cannot be used"):
        TryOnInferencer(*narrow, device='gpu')


def test_needs_neither_vgg_nor_teacher(narrow):
    model = load_student(*narrow)
    assert model.perceptual is None
    assert model.teacher is None


def test_half_precision_where_the_cpu_has_it(narrow, shop, monkeypatch):
    person, cloth, mask = files(shop, 0, 0)
    place = 'mmfashion_ext.tryon.inferencer.has_bfloat16'
    dtypes = {}
    for has in (False, True):
        monkeypatch.setattr(place, lambda has=has: has)
        infer = TryOnInferencer(*narrow, device='cpu', amp=True)
        dtypes[has] = infer.fast.dtype
        assert infer(person, cloth, mask)['predictions'][0]
    assert dtypes == {False: torch.float32, True: torch.bfloat16}


def test_by_name(narrow, shop):
    config, weights = narrow
    person, cloth, mask = files(shop, 0, 0)
    image = cv2.imread(str(person))  # BGR, as that function says
    result = hub.inference_model(
        config, image, weights, 'cpu', cloth=cloth, cloth_mask=mask
    )
    (entry,) = result['predictions'][0]
    assert entry['try_on'].shape == (H, W, 3)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason='needs the demo pictures')
def test_real_pictures_are_prepared_as_published(infer, tmp_path):
    """Persons and masked clothes of the six published strips."""
    folders = [SAMPLES / k for k in ('test_img', 'test_clothes', 'test_edge')]
    result = infer(*folders, tmp_path, pairs=SAMPLES / 'demo.txt')
    assert result['skipped'] == []
    for number, (entry,) in enumerate(result['predictions']):
        strips = [
            cv2.imread(str(path)).astype(int)
            for path in (
                SAMPLES / 'results_demo_PFAFN' / f'{number}.jpg',
                entry['strip_path'],
            )
        ]
        assert strips[0].shape == strips[1].shape == (256, 576, 3)
        difference = np.abs(strips[0] - strips[1])[:, :384]
        assert difference.mean() < 1.5  # grey levels: two JPEGs

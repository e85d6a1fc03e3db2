# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Every reader gives a right reading or one line, whatever a file holds.

A valid file of each kind is changed at random: types swapped, keys removed,
nested deep, huge numbers, foreign encodings, bytes flipped, cut short. The
seed is fixed, so that a failure can be repeated.
"""

import copy
import io
import json
import os
import random
import signal
import tarfile
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest
import yaml
from PIL import Image
from pycocotools import mask as mask_utils
from scipy.io import savemat

from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.coco_eval import evaluate
from mmfashion_ext.evaluation.coco_files import load_ground_truth, load_results
from mmfashion_ext.evaluation.consumer_to_shop import evaluate_retrieval
from mmfashion_ext.evaluation.consumer_to_shop_files import (
    compose_retrieval_gt,
    load_retrieval_gt,
    load_retrieval_results,
)
from mmfashion_ext.evaluation.metafile import (
    build_results,
    read_metafile,
    read_metrics,
)
from mmfashion_ext.evaluation.reid_files import evaluate_file
from mmfashion_ext.formats.archives import unpack
from mmfashion_ext.formats.deepfashion2.constants import ATTRIBUTES
from mmfashion_ext.formats.deepfashion2.raw import RawSplit, coco_categories
from mmfashion_ext.formats.deepfashion2.reader import read_images
from mmfashion_ext.formats.fld.raw import (
    BOXES,
    LANDMARKS,
    PARTITION,
    RawFLD,
)
from mmfashion_ext.formats.fld.reader import read_boxes, read_fld
from mmfashion_ext.formats.video_reid.layout import VideoReID
from mmfashion_ext.formats.video_reid.raw_ilids_prid import read_matrix
from mmfashion_ext.formats.video_reid.raw_mars import read_mars
from mmfashion_ext.formats.viton.files import (
    read_densepose,
    read_flow,
    read_mask,
    read_parse,
)
from mmfashion_ext.formats.viton.pairs_file import read_pairs
from mmfashion_ext.formats.viton.pose_file import read_pose
from mmfashion_ext.utils.images import image_size, read_image

pytestmark = [
    pytest.mark.fault(28),
    pytest.mark.filterwarnings('ignore'),  # of Pillow and of readers
]

#: Mutations of each file; more are worth while after changes of a reader.
COUNT = int(os.environ.get('MUTATIONS', '150'))
FEW = COUNT // 7  # of what takes long
SEED = int(os.environ.get('MUTATION_SEED', '0'))
VALUES = (
    *(None, True, -1, 0, 1, -5, 2**31, 2**63, 10**30, 1.5, 1e300, 1e-320),
    *(float('nan'), float('inf'), '', '1', 'x' * 300, 'a\0b', 'é', '\ud800'),
    *('../../x', [], [1, 2, 3], [[]], {}, {'a': 1}, {'x': {}}),
)


def paths(value, path=()):
    """Yield the ways to what is inside of a value, the first of long ones."""
    items = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        items = enumerate(value[:20])
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


def mutate_json(content, rng):
    """Swap, remove, repeat or nest some values of a JSON file."""
    content = copy.deepcopy(content)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        ways = list(paths(content))
        if not ways or rng.random() < 0.02:
            return json.dumps(rng.choice(VALUES)).encode()
        depth = rng.randint(1, 4)
        *way, key = rng.choice([w for w in ways if len(w) <= depth])
        parent = content
        for step in way:
            parent = parent[step]
        change = rng.random()
        if change < 0.15:
            del parent[key]
        elif change < 0.25 and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif change < 0.3:
            parent[key] = json.loads('[' * 60 + ']' * 60)
        else:
            parent[key] = copy.deepcopy(rng.choice(VALUES))
    return json.dumps(content).encode()


def mutate_bytes(content, rng):
    """Cut a file, flip its bytes, or write it in a foreign encoding."""
    change = rng.random()
    if change < 0.3:
        return content[: rng.randrange(len(content) + 1)]
    if change < 0.35:
        return content.decode('latin1').encode(
            rng.choice(['utf-16', 'utf-8-sig', 'utf-32', 'cp037']), 'replace'
        )
    if change < 0.38:
        return b'[' * 100_000
    changed = bytearray(content)
    area = rng.choice([64, 300, len(content)])
    for _ in range(rng.choice([1, 2, 5, 20])):
        place = rng.randrange(min(len(changed), area))
        changed[place] = rng.choice([0, 10, 32, 255, rng.randrange(256)])
    return bytes(changed)


@contextmanager
def alarm(seconds):
    def end(*args):
        raise TimeoutError(f'more than {seconds} s')

    old = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


def check(path, content, read, count=COUNT):
    """Read mutations of a file at ``path`` by ``read``."""
    rng = random.Random(SEED)
    whole = content
    if not isinstance(content, bytes):
        whole = json.dumps(content).encode()
    path.write_bytes(whole)
    read()  # what is valid is read
    for number in range(count):
        mutated = mutate_bytes(whole, rng)
        if not isinstance(content, bytes) and rng.random() < 0.8:
            mutated = mutate_json(content, rng)
        path.write_bytes(mutated)
        message = ''
        try:
            with alarm(5):
                read()
        except (UserError, FileNotFoundError) as error:
            message = str(error)
        except BaseException as error:
            raise AssertionError(
                f'{type(error).__name__} of mutation {number}: '
                f'{mutated[:300]!r}'
            ) from error
        assert '\n' not in message, (number, mutated[:300])
        assert len(message) < 1000, (number, message)


def item(n=1, **changes):
    return {
        'id': n,
        'image_id': 7,
        'category_id': 1,
        'bbox': [5, 5, 20, 20],
        'area': 400,
        'iscrowd': 0,
        'segmentation': [[5, 5, 25, 5, 25, 25, 5, 25]],
        'keypoints': [10, 10, 2] * 25 + [0] * 807,
        'num_keypoints': 25,
        'style': 1,
        **dict.fromkeys(ATTRIBUTES, 1),
    } | changes


def coco():
    image = {'id': 7, 'file_name': '7.jpg', 'width': 40, 'height': 30}
    image |= {'source': 'user', 'pair_id': 1}
    other = image | {'id': 8, 'file_name': '8.jpg', 'source': 'shop'}
    return {
        'images': [image, other],
        'annotations': [item(), item(2, image_id=8)],
        'categories': [
            {'id': c['id'], 'name': c['name']} for c in coco_categories()
        ],
    }


def rle():
    mask = np.zeros((30, 40), np.uint8)
    mask[5:25, 5:25] = 1
    encoded = mask_utils.encode(np.asfortranarray(mask))
    return {'size': [30, 40], 'counts': encoded['counts'].decode()}


def test_coco_files_of_deepfashion2(tmp_path):
    path = tmp_path / 'a.json'
    check(path, coco(), lambda: list(read_images(str(path))))
    content = coco()
    content['annotations'][0]['segmentation'] = rle()
    check(path, content, lambda: list(read_images(str(path))))
    check(path, coco(), lambda: compose_retrieval_gt(path))


@pytest.mark.parametrize('task', ['bbox', 'segm', 'keypoints'])
def test_ground_truth_and_results(tmp_path, task):
    path = tmp_path / 'a.json'
    fields = {
        'bbox': {'bbox': [5, 5, 20, 20]},
        'segm': {'segmentation': rle()},
        'keypoints': {'keypoints': [10, 10, 1] * 294},
    }
    entry = {'image_id': 7, 'category_id': 1, 'score': 0.5, **fields[task]}
    truth = load_ground_truth(coco())
    check(path, [entry, entry], lambda: load_results(task, truth, path))
    check(path, coco(), lambda: load_ground_truth(path))
    check(path, coco(), lambda: evaluate(task, str(path), [entry]), FEW)
    check(path, [entry, entry], lambda: evaluate(task, truth, str(path)), FEW)


@pytest.mark.fault(20)
def test_run_lengths_cut_short_end(tmp_path):
    """pycocotools reads past the end of such counts, or never ends."""
    truth = load_ground_truth(coco())
    whole = rle()
    entry = {'image_id': 7, 'category_id': 1, 'score': 0.5}
    for end in range(len(whole['counts'])):
        cut = whole | {'counts': whole['counts'][:end]}
        with (
            alarm(5),
            pytest.raises(UserError, match='entry 0 has a segmentation whose'),
        ):
            evaluate('segm', truth, [{**entry, 'segmentation': cut}])
    metrics = evaluate('segm', truth, [{**entry, 'segmentation': whole}])
    assert metrics['AP'] > 0


def test_retrieval_lists(tmp_path):
    path = tmp_path / 'a.json'
    box = [5, 5, 25, 25]
    query = {'query_image_id': 7, 'bbox': box, 'style': 1, 'pair_id': 1}
    gallery = {'gallery_image_id': 8, 'bbox': box, 'style': 1, 'pair_id': 1}
    result = {
        'query_image_id': 7,
        'query_bbox': box,
        'query_cls': 1,
        'query_score': 0.9,
        'gallery_image_id': [8],
        'gallery_bbox': [box],
    }
    query['cls'] = 1
    check(path, [query] * 2, lambda: load_retrieval_gt(path, 'query'))
    check(path, [gallery] * 2, lambda: load_retrieval_gt(path, 'gallery'))
    check(path, [result] * 2, lambda: load_retrieval_results(path))

    def evaluate_lists():
        lists = [load_retrieval_gt(p, k) for k, p in files.items()]
        results = load_retrieval_results(path)
        return evaluate_retrieval(*lists, results, per_category=True)

    files = {'query': tmp_path / 'q.json', 'gallery': tmp_path / 'g.json'}
    for file, entry in zip(files.values(), (query, gallery), strict=True):
        file.write_text(json.dumps([entry]))
    check(path, [result], evaluate_lists)
    path.write_text(json.dumps([result]))
    for file, entry in zip(files.values(), (query, gallery), strict=True):
        check(file, [entry] * 2, evaluate_lists)
        file.write_text(json.dumps([entry]))


def test_raw_deepfashion2(raw_split, raw_item):
    content = {
        'source': 'user',
        'pair_id': 1,
        'item1': raw_item(),
        'item2': raw_item(5),
    }
    split = raw_split({'000001': content})
    path = split / 'annos/000001.json'
    check(path, content, lambda: list(RawSplit(split)))
    path.write_text(json.dumps(content))
    image = split / 'image/000001.jpg'
    check(image, image.read_bytes(), lambda: list(RawSplit(split)))


def test_coco_files_of_fld(tmp_path):
    path = tmp_path / 'a.json'
    content = coco()
    for annotation in content['annotations']:
        annotation['keypoints'] = [10, 10, 2] * 6
    check(path, content, lambda: read_fld(str(path), 'upper'))
    boxes = {'image_id': 7, 'category_id': 1, 'bbox': [5, 5, 9, 9], 'score': 1}
    check(path, [boxes] * 3, lambda: read_boxes(str(path)))


@pytest.mark.parametrize('file', [LANDMARKS, BOXES, PARTITION])
def test_raw_fld(tmp_path, file):
    rows = {LANDMARKS: '1 1' + ' 0 10 12' * 6, BOXES: '5 5 30 30'}
    for name in (LANDMARKS, BOXES, PARTITION):
        lines = [f'img/img_{n}.jpg {rows.get(name, "val")}' for n in (1, 2)]
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('\n'.join(['2', 'names', *lines]) + '\n')
    (tmp_path / 'Img/img').mkdir(parents=True)
    for n in (1, 2):
        image = Image.fromarray(np.zeros((40, 40, 3), np.uint8))
        image.save(tmp_path / f'Img/img/img_{n}.jpg')

    def read():
        raw = RawFLD(tmp_path)
        return list(raw.read(raw.entries))

    check(tmp_path / file, (tmp_path / file).read_bytes(), read)


@pytest.mark.parametrize('listed', [False, True])
def test_layout_of_video_reid(tmp_path, listed):
    meta = {
        'name': 'toy',
        'shot': 'sequence',
        'num_cameras': 2,
        'identities': [[['a.png'], ['b.png']], [['c.png'], []]],
    }
    split = {'trainval': [0], 'query': [1], 'gallery': [1, -1]}
    if listed:
        meta['tracklets'] = [{'pid': 0, 'camid': 1, 'files': ['b.png']}] * 3
        for role in ('train', 'query', 'gallery'):
            split[f'{role}_tracklets'] = [0, 2]
    files = tmp_path / 'meta.json', tmp_path / 'splits.json'
    files[1].write_text(json.dumps([split]))

    def read():
        data = VideoReID.read(*files)
        for role in ('train', 'query', 'gallery'):
            data.tracklets(0, role)

    check(files[0], meta, read)
    files[0].write_text(json.dumps(meta))
    check(files[1], [split], read)


@pytest.mark.parametrize('form', ['4', '5', 'compressed'])
def test_matlab_matrices(tmp_path, form):
    path = tmp_path / 'a.mat'
    content = {'x': np.arange(30).reshape(3, 10)}
    savemat(path, content, format=form[0].replace('c', '5'))
    if form == 'compressed':
        savemat(path, content, do_compression=True)
    check(path, path.read_bytes(), lambda: read_matrix(path, 'x'))


@pytest.mark.parametrize('file', ['train_name.txt', 'query_IDX.mat'])
def test_lists_of_mars(tmp_path, file):
    info = tmp_path / 'info'
    info.mkdir()
    for part, person in (('train', 1), ('test', 2)):
        (tmp_path / f'bbox_{part}').mkdir()
        name = f'{person:04d}C1T0001F001.jpg'
        (info / f'{part}_name.txt').write_text(f'{name}\n' * 4)
        rows = np.array([[1, 2, person, 1], [3, 4, person, 1]])
        matrix = {f'track_{part}_info': rows}
        savemat(info / f'tracks_{part}_info.mat', matrix)
    savemat(info / 'query_IDX.mat', {'query_IDX': [[1]]})
    content = (info / file).read_bytes()
    check(info / file, content, lambda: read_mars(tmp_path))


@pytest.mark.parametrize('compressed', [False, True])
def test_distance_matrices(tmp_path, compressed):
    path = tmp_path / 'a.npz'
    save = np.savez_compressed if compressed else np.savez
    save(
        path,
        distmat=np.random.default_rng(0).random((3, 4)),
        q_pids=np.arange(3),
        g_pids=np.arange(4),
        q_camids=np.zeros(3, int),
        g_camids=np.ones(4, int),
    )
    check(path, path.read_bytes(), lambda: evaluate_file(path, draws=2))


def test_metafiles_and_metrics(tmp_path):
    path = tmp_path / 'metafile.yml'
    name = {'Name': 'a', 'README': 'a.md', 'Code': 'a.py'}
    metrics = {'bbox/AP': 0.5, 'bbox/AP50': 0.6, 'segm/AP': 0.1}
    model = {
        'Name': 'm',
        'In Collection': 'a',
        'Config': 'c.py',
        'Metadata': {'Tasks': ['t'], 'Dataset': 'd'},
        'Results': [{'Task': 't', 'Dataset': 'd', 'Metrics': {'AP': 0.5}}],
    }
    paper = {'Title': 't', 'URL': 'u'}
    content = {'Collections': [name | {'Paper': paper}], 'Models': [model]}
    check(path, content, lambda: read_metafile(path))
    text = yaml.safe_dump(content).encode()
    check(path, text, lambda: read_metafile(path))
    check(path, metrics, lambda: build_results(read_metrics(path), 'd'))


@pytest.mark.fault(4)
@pytest.mark.parametrize('ending', ['.zip', '.tar', '.tar.gz'])
def test_archives(tmp_path, ending):
    path = tmp_path / f'a{ending}'
    if ending == '.zip':
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as file:
            file.writestr('a/b.txt', b'text' * 50)
    else:
        with tarfile.open(path, 'w:gz' if 'gz' in ending else 'w') as file:
            member = tarfile.TarInfo('a/b.txt')
            member.size = 200
            file.addfile(member, io.BytesIO(b'text' * 50))
    content = path.read_bytes()
    numbers = iter(range(10 * COUNT))

    def read():
        unpack(path, tmp_path / 'out' / str(next(numbers)))

    (tmp_path / 'out').mkdir()
    check(path, content, read)
    assert set(os.listdir(tmp_path)) == {path.name, 'out'}
    assert not [p for p in os.listdir(tmp_path / 'out') if p.startswith('.')]


def test_files_of_tryon(tmp_path):
    ids = np.arange(24 * 16, dtype=np.uint8).reshape(24, 16)
    rng = np.random.default_rng(0)
    image, grey = tmp_path / 'a.png', tmp_path / 'b.png'
    Image.fromarray(rng.integers(0, 256, (24, 16, 4), np.uint8)).save(image)
    Image.fromarray(ids % 14).save(grey)
    npy, npz = tmp_path / 'a.npy', tmp_path / 'a.npz'
    np.save(npy, ids % 25)
    np.savez_compressed(npz, flow=np.zeros((24, 16, 2), np.float32))
    pairs = tmp_path / 'pairs.txt'
    pairs.write_text('a.jpg b.jpg\n"c 1.jpg" d.jpg\n')
    pose = {'people': [{'pose_keypoints_2d': [1.0] * 54}]}
    for path, read in (
        (image, read_mask),
        (grey, read_parse),
        (npy, read_densepose),
        (npz, read_flow),
        (pairs, read_pairs),
    ):
        content = path.read_bytes()
        check(path, content, lambda read=read, path=path: read(path))
    path = tmp_path / 'a.json'
    check(path, pose, lambda: read_pose(path))


@pytest.mark.parametrize('form', ['jpeg', 'png', 'bmp', 'webp', 'ppm'])
def test_images(tmp_path, form):
    path = tmp_path / f'a.{form}'
    pixels = np.random.default_rng(0).integers(0, 256, (24, 16, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = 'text'
    options = {'exif': exif} if form in ('jpeg', 'png', 'webp') else {}
    Image.fromarray(pixels).save(path, **options)
    content = path.read_bytes()
    check(path, content, lambda: (read_image(path), image_size(path)))

# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from mmfashion_ext.formats.deepfashion2.constants import CLASS_NAMES
from mmfashion_ext.formats.deepfashion2.raw import RawSplit, coco_categories

pytest.importorskip('mmdet')
from mmfashion_ext.match_rcnn import DeepFashion2Dataset, LoadClothes

SAMPLES = Path(__file__).parents[3] / 'shared/samples/deepfashion2'


@pytest.fixture
def split(raw_split, raw_item):
    return raw_split(
        {
            '000001': {
                'source': 'user',
                'pair_id': 5,
                'item1': raw_item(11, style=1, zoom_in=3),
                'item2': raw_item(8, style=0),
            },
            '000002': {
                'source': 'shop',
                'pair_id': 5,
                'item1': raw_item(11, style=1),
            },
            '000003': {'source': 'shop', 'pair_id': 6},
        }
    )


@pytest.fixture
def coco(split):
    """The converted split, as Python objects."""
    raws = list(RawSplit(split))
    return {
        'images': [raw.image for raw in raws],
        'annotations': [a for raw in raws for a in raw.annotations],
        'categories': coco_categories(),
    }


def load(content, folder, **kwargs):
    path = folder / 'annotations.json'
    path.write_text(json.dumps(content))
    return dataset(path, **kwargs)


def dataset(ann_file, **kwargs):
    kwargs = {'data_prefix': {'img': ''}, 'pipeline': []} | kwargs
    return DeepFashion2Dataset(ann_file=str(ann_file), **kwargs)


def test_fields_of_image_and_items(coco, tmp_path, raw_item):
    data = load(coco, tmp_path, data_prefix={'img': 'images'})
    assert len(data) == 3
    info = data.get_data_info(0)
    assert info['img_path'] == 'images/000001.jpg'
    assert info['img_id'] == 1
    assert (info['height'], info['width']) == (120, 100)
    assert (info['source'], info['pair_id']) == ('user', 5)
    dress, trousers = info['instances']
    assert dress['bbox'] == [10, 20, 60, 80]
    assert (dress['bbox_label'], trousers['bbox_label']) == (10, 7)
    assert (dress['style'], trousers['style']) == (1, 0)
    assert (dress['zoom_in'], trousers['zoom_in']) == (3, 1)
    assert dress['pair_id'] == 5
    assert dress['mask'] == raw_item(11)['segmentation']
    assert dress['keypoints'].shape == (37, 3)
    assert dress['keypoints'].dtype == np.float32
    assert dress['keypoints'].ravel().tolist() == raw_item(11)['landmarks']
    assert trousers['keypoints'].shape == (14, 3)


def test_raw_split_reads_like_its_conversion(coco, split, tmp_path):
    converted = load(coco, tmp_path)
    for folder in split, split / 'annos':
        raw = dataset(folder)
        assert len(raw) == len(converted) == 3
        for i in range(3):
            a, b = raw.get_data_info(i), converted.get_data_info(i)
            assert pickle.dumps(a) == pickle.dumps(b)


def test_raw_split_with_a_defect(raw_split, raw_item):
    bad = raw_item(8, landmarks=[1, 2])
    folder = raw_split(
        {'000001': {'source': 'user', 'pair_id': 1, 'item1': bad}}
    )
    with pytest.raises(
        ValueError, match=r'annos/000001\.json item1: has landmarks .*--check'
    ):
        dataset(folder / 'annos')


def test_official_file_without_our_fields(coco, tmp_path):
    for image in coco['images']:
        del image['source'], image['pair_id']
    for annotation in coco['annotations']:
        for key in 'source', 'scale', 'occlusion', 'zoom_in', 'viewpoint':
            del annotation[key]
    info = load(coco, tmp_path).get_data_info(0)
    assert (info['source'], info['pair_id']) == ('', 5)
    assert info['instances'][0]['scale'] == 0
    assert info['instances'][0]['style'] == 1
    assert load(coco, tmp_path).get_data_info(2)['pair_id'] == 0


def test_labels_do_not_depend_on_the_categories_of_the_file(coco, tmp_path):
    coco['categories'] = [{'id': 8, 'name': 'trousers'}]
    some = load(coco, tmp_path)
    assert some.get_cat_ids(0) == [10, 7]
    for category in coco['categories']:
        category['name'] = 'something else'
    assert load(coco, tmp_path).get_cat_ids(0) == [10, 7]
    del coco['categories']
    assert load(coco, tmp_path).get_cat_ids(0) == [10, 7]
    assert some.metainfo['classes'] == CLASS_NAMES


@pytest.mark.parametrize(
    'bad', [[10, 20, 0, 50], [10, 20, 50, -3], [500, 500, 9, 9]]
)
def test_fields_stay_with_their_item_when_the_host_drops_one(
    raw_split, raw_item, tmp_path, bad
):
    items = [raw_item(9, style=i, scale=i) for i in (1, 2, 3)]
    for i, item in enumerate(items, 1):
        item['landmarks'][0] = 10 * i
    content = {'source': 'user', 'pair_id': 1}
    content |= {f'item{i}': item for i, item in enumerate(items)}
    raw = dataset(raw_split({'000001': content}) / 'annos')
    image = raw.get_data_info(0)
    assert [i['style'] for i in image['instances']] == [1, 2, 3]
    annotations = [
        {
            'id': i,
            'image_id': 1,
            'category_id': 9,
            'bbox': bad if i == 2 else [10, 20, 50, 60],
            'area': 3000,
            'segmentation': item['segmentation'],
            'keypoints': [0] * 546 + item['landmarks'] + [0] * 312,
            'style': i,
            'scale': i,
        }
        for i, item in enumerate(items, 1)
    ]
    images = [{'id': 1, 'file_name': 'a.jpg', 'width': 100, 'height': 120}]
    coco = {'images': images, 'annotations': annotations}
    kept = load(coco, tmp_path).get_data_info(0)['instances']
    assert [item['style'] for item in kept] == [1, 3]
    assert [item['scale'] for item in kept] == [1, 3]
    assert [item['keypoints'][0, 0] for item in kept] == [10, 30]


@pytest.mark.parametrize('segmentation', [[], [[1, 2]], [[1, 2, 3, 4]]])
def test_item_without_usable_polygon_loads(coco, tmp_path, segmentation):
    coco['annotations'][0]['segmentation'] = segmentation
    info = load(coco, tmp_path).get_data_info(0)
    info['ori_shape'] = (120, 100)
    for poly2mask in True, False:
        results = LoadClothes(poly2mask=poly2mask)(dict(info))
        assert results['gt_ignore_flags'].tolist() == [True, False]
        assert len(results['gt_masks']) == len(results['gt_keypoints']) == 2


def test_images_without_items_are_filtered_in_training_only(coco, tmp_path):
    cfg = {'filter_empty_gt': True, 'min_size': 32}
    train = load(coco, tmp_path, filter_cfg=cfg)
    assert [train.get_data_info(i)['img_id'] for i in range(2)] == [1, 2]
    assert len(train) == 2
    assert len(load(coco, tmp_path, filter_cfg=cfg, test_mode=True)) == 3


def test_summary_is_printed_once(coco, tmp_path, monkeypatch):
    printed = []
    monkeypatch.setattr(
        'mmfashion_ext.match_rcnn.dataset.print_log',
        lambda text, **_: printed.append(text),
    )
    load(coco, tmp_path).full_init()
    (text,) = printed
    assert text.startswith('DeepFashion2Dataset ')
    assert '11 long_sleeved_dress              2              2' in text
    assert 'consumer-shop item pairs           1' in text


def test_missing_file_names_the_converter(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=r'none\.json does not exist.*dataset_converters/deepfashion2',
    ):
        dataset(tmp_path / 'none.json')


def change(annotation=None, **top):
    def apply(coco):
        coco['annotations'][1].update(annotation or {})
        coco.update(top)

    return apply


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (
            change({'keypoints': [0] * 51}),
            'annotation 2 has keypoints of 51 numbers, expected 882',
        ),
        (
            change({'keypoints': None}),
            'annotation 2 has keypoints None, expected 882',
        ),
        (change({'keypoints': ['1'] * 882}), 'annotation 2 .*finite numbers'),
        (
            change({'keypoints': [float('nan')] * 882}),
            'annotation 2 .*finite numbers',
        ),
        (change({'keypoints': [3] * 882}), 'annotation 2 .*visibility'),
        (change({'category_id': 14}), 'annotation 2 has category_id 14'),
        (
            change({'image_id': 99}),
            'annotation 2 has image_id 99, which is not',
        ),
        (change({'id': 1}), 'ids of annotation records must be unique, got 1'),
        (lambda coco: coco['annotations'][1].pop('bbox'), '2 lacks bbox'),
        (
            lambda coco: coco['annotations'][1].pop('keypoints'),
            '2 lacks keypoints',
        ),
        (
            lambda coco: coco['images'].append(coco['images'][0]),
            'ids of image records must be unique, got 1',
        ),
        (
            lambda coco: coco.pop('images'),
            'expected a COCO ground truth.*without images;',
        ),
        (lambda coco: coco.pop('annotations'), 'got one without annotations;'),
        (lambda coco: coco.clear(), 'got one without images, annotations'),
    ],
)
def test_broken_coco_file(coco, tmp_path, spoil, message):
    spoil(coco)
    with pytest.raises(ValueError, match=message) as caught:
        load(coco, tmp_path)
    assert 'annotations.json' in str(caught.value)


def test_broken_json(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('{"images": [')
    with pytest.raises(ValueError, match='not valid JSON'):
        dataset(path)
    path.write_text('[]')
    with pytest.raises(ValueError, match=r'a COCO ground truth.* got \[\]'):
        dataset(path)


def test_test_split_has_no_annotations(coco, tmp_path):
    del coco['annotations']
    assert len(load(coco, tmp_path, test_mode=True)) == 3


def test_classes_are_fixed(coco, tmp_path):
    with pytest.raises(ValueError, match='13 fixed classes'):
        load(coco, tmp_path, metainfo={'classes': ('trousers',)})


@pytest.mark.skipif(not SAMPLES.is_dir(), reason='no sample of the dataset')
def test_real_pictures_of_the_official_conversion():
    data = DeepFashion2Dataset(
        data_root=str(SAMPLES),
        ann_file='deepfasion2.json',
        data_prefix={'img': ''},
        pipeline=[],
    )
    assert len(data) == 2
    for i, labelled in enumerate((28, 31)):
        info = data.get_data_info(i)
        assert Path(info['img_path']).exists()
        (item,) = info['instances']
        assert (item['bbox_label'], item['style']) == (10, i + 1)
        assert item['keypoints'].shape == (37, 3)
        assert (item['keypoints'][:, 2] > 0).sum() == labelled
        assert (info['source'], info['pair_id']) == ('', 22)


def test_metainfo():
    meta = DeepFashion2Dataset.METAINFO
    assert meta['classes'] == CLASS_NAMES
    assert len(meta['palette']) == 13
    assert len(meta['sigmas']) == meta['num_keypoints'] == 294

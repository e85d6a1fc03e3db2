# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.deepfashion2.constants import ATTRIBUTES
from mmfashion_ext.match_rcnn import RetrievalMetric
from mmfashion_ext.registry import METRICS

#: Image -> source, pair id, styles of its items (item k is at box(k)).
IMAGES = {
    1: ('user', 1, [1, 0]),
    2: ('shop', 1, [1]),
    3: ('shop', 1, [2, 1]),
    4: ('user', 2, [1]),
    5: ('shop', 2, [0, 1]),
    6: ('user', 3, [0]),
}
DIMS = 4
SIMILARITY = {'weight': torch.tensor([-1.0, -2.0, 0.5, -1.0]), 'bias': 0.3}


def box(k):
    """xyxy px, apart from one another."""
    return [50.0 * k, 10.0, 50.0 * k + 40, 70.0]


@pytest.fixture
def ann_file(tmp_path):
    annotations = []
    for image_id, (_, _, styles) in IMAGES.items():
        for k, style in enumerate(styles):
            x1, y1, x2, y2 = box(k)
            annotations.append(
                {
                    'id': len(annotations) + 1,
                    'image_id': image_id,
                    'category_id': k + 1,
                    'style': style,
                    'bbox': [x1, y1, x2 - x1, y2 - y1],
                    **dict.fromkeys(ATTRIBUTES, image_id % 3 + 1),
                }
            )
    images = [
        {'id': image_id, 'source': source, 'pair_id': pair_id}
        for image_id, (source, pair_id, _) in IMAGES.items()
    ]
    path = tmp_path / 'gt.json'
    path.write_text(json.dumps({'images': images, 'annotations': annotations}))
    return str(path)


def predicted(image_id, scores=None, labels=None, seed=0):
    """The items of an image as detections, with features by identity."""
    source, pair_id, styles = IMAGES[image_id]
    data_sample = DetDataSample(
        metainfo={
            'img_id': image_id,
            'source': source,
            'match_similarity': SIMILARITY,
        }
    )
    features = torch.zeros(len(styles), DIMS)
    for k, style in enumerate(styles):
        name = 1000 * seed + 10 * pair_id + style
        if style == 0:  # an identity of its own
            name = 500 + 10 * image_id + k
        generator = torch.Generator().manual_seed(name)
        features[k] = torch.randn(DIMS, generator=generator)
        features[k, 2] = 0  # its weight would reward being different
    num = len(styles)
    data_sample.pred_instances = InstanceData(
        bboxes=torch.tensor([box(k) for k in range(num)]).reshape(-1, 4),
        scores=torch.tensor(scores or [0.9] * num),
        labels=torch.tensor(labels or list(range(num))),
        match_features=features,
    )
    return data_sample


def evaluate(metric, samples):
    evaluator = Evaluator(metric)
    for data_sample in samples:
        evaluator.process([data_sample])
    return evaluator.evaluate(len(samples))


def test_identical_items_are_found_first(ann_file):
    metric = METRICS.build(
        {'type': 'RetrievalMetric', 'ann_file': ann_file, 'subsets': True}
    )
    found = evaluate(metric, [predicted(i) for i in IMAGES])
    assert found['retrieval/top-1'] == found['retrieval/top-20'] == 1
    assert found['retrieval/query_num'] == 2
    assert found['retrieval/miss_num'] == 0
    assert found['retrieval/scale=moderate/query_num'] == 2
    assert not any(name.startswith('retrieval_paper') for name in found)


def test_depth_is_the_number_of_items_of_a_query(ann_file):
    for depth, expected in ((1, 1), (2, 2)):
        metric = RetrievalMetric(ann_file, depth=depth)
        for image_id in IMAGES:
            metric.process({}, [predicted(image_id).to_dict()])
        for entry in metric.rank(metric.results):
            assert len(entry['gallery_image_id']) == expected
            assert len(entry['gallery_bbox']) == expected


def test_boxes_keep_hundredths_of_a_pixel(ann_file):
    metric = RetrievalMetric(ann_file)
    for image_id in IMAGES:
        sample = predicted(image_id)
        sample.pred_instances.bboxes += 0.126
        metric.process({}, [sample.to_dict()])
    entries = metric.rank(metric.results)
    assert entries[0]['query_bbox'] == [0.13, 10.13, 40.13, 70.13]
    assert entries[0]['gallery_bbox'][0][1] == 10.13


@pytest.mark.parametrize('source', ['user', 'shop'])
def test_a_score_at_the_threshold_counts(ann_file, source):
    names = {'user': 'query_score_thr', 'shop': 'gallery_score_thr'}
    image_id = next(i for i in IMAGES if IMAGES[i][0] == source)
    for score, expected in ((0.5, 1), (0.4999, 0)):
        metric = RetrievalMetric(ann_file, **{names[source]: 0.5})
        num = len(IMAGES[image_id][2])
        sample = predicted(image_id, scores=[score] + [0.0] * (num - 1))
        metric.process({}, [sample.to_dict()])
        assert len(metric.results[0]['scores']) == expected


def test_ranking_is_by_the_logit(ann_file):
    samples = [predicted(i) for i in IMAGES]
    metric = RetrievalMetric(ann_file)
    for data_sample in samples:
        metric.process({}, [data_sample.to_dict()])
    entries = metric.rank(metric.results)
    assert len(entries) == 4  # the items of user images
    gallery = [s for s in samples if s.source == 'shop']
    features = torch.cat([s.pred_instances.match_features for s in gallery])
    places = [
        (s.img_id, bbox)
        for s in gallery
        for bbox in s.pred_instances.bboxes.tolist()
    ]
    users = [s for s in samples if s.source == 'user']
    queries = torch.cat([s.pred_instances.match_features for s in users])
    for entry, query in zip(entries, queries, strict=True):
        square = (features - query).square()
        logits = (SIMILARITY['weight'] * square).sum(dim=1)
        best = [
            places[i] for i in logits.argsort(descending=True, stable=True)
        ]
        assert entry['gallery_image_id'] == [image for image, _ in best]
        assert entry['gallery_bbox'] == [bbox for _, bbox in best]


@pytest.mark.parametrize('seed', range(3))
def test_result_file_gives_the_same_numbers_offline(
    ann_file, tmp_path, run_tool, seed
):
    """Features of chance, wrong classes and scores that decide."""
    metric = RetrievalMetric(
        ann_file,
        compositions=('released', 'paper'),
        outfile_prefix=str(tmp_path / 'pred'),
    )
    generator = torch.Generator().manual_seed(seed)
    samples = [predicted(i, seed=seed) for i in IMAGES]
    for data_sample in samples:
        pred = data_sample.pred_instances
        pred.match_features = torch.randn(len(pred), DIMS, generator=generator)
        pred.labels = torch.randint(2, (len(pred),), generator=generator)
    online = evaluate(metric, samples)
    for composition, prefix in (
        ('released', 'retrieval'),
        ('paper', 'retrieval_paper'),
    ):
        lists = [tmp_path / f'{composition}_{n}.json' for n in 'qg']
        run_tool(
            *('tools/dataset_converters/retrieval_lists.py', ann_file),
            *('--query', lists[0], '--gallery', lists[1]),
            *('--composition', composition),
        )
        out = tmp_path / f'{composition}.json'
        run_tool(
            *('tools/analysis/eval_retrieval.py', '--query-gt', lists[0]),
            *('--gallery-gt', lists[1], '--out', out),
            *('--results', tmp_path / 'pred.retrieval.json'),
        )
        offline = json.loads(out.read_text())
        assert len(offline) == 7
        for name, value in offline.items():
            assert online[f'{prefix}/{name}'] == value, name
        official = RetrievalMetric(
            ann_file, query_gt=str(lists[0]), gallery_gt=str(lists[1])
        )
        again = evaluate(official, samples)
        assert again['retrieval/top-1'] == offline['top-1']


def test_doubtful_detections_are_left_out(ann_file):
    metric = RetrievalMetric(
        ann_file, query_score_thr=0.5, gallery_score_thr=0.8
    )
    samples = [
        predicted(1, scores=[0.4, 0.9]),
        predicted(2, scores=[0.7]),
        predicted(3),
        predicted(4, scores=[0.5]),
        predicted(5),
        predicted(6),
    ]
    for data_sample in samples:
        metric.process({}, [data_sample.to_dict()])
    entries = metric.rank(metric.results)
    assert [entry['query_image_id'] for entry in entries] == [1, 4, 6]
    assert {i for e in entries for i in e['gallery_image_id']} == {3, 5}


def test_nothing_found_at_all_counts_as_nothing_right(ann_file):
    metric = RetrievalMetric(ann_file, gallery_score_thr=0.95)
    with pytest.warns(UserWarning, match='no results'):
        found = evaluate(metric, [predicted(i) for i in IMAGES])
    assert found['retrieval/top-20'] == 0
    assert found['retrieval/query_num'] == 2


def test_format_only_writes_the_file_and_no_numbers(tmp_path):
    metric = RetrievalMetric(
        'gone.json', format_only=True, outfile_prefix=str(tmp_path / 'a')
    )
    assert evaluate(metric, [predicted(i) for i in IMAGES]) == {}
    assert len(json.loads((tmp_path / 'a.retrieval.json').read_text())) == 4


def test_what_is_wrong_is_said(ann_file):
    with pytest.raises(UserError, match='must be among released, paper'):
        RetrievalMetric(ann_file, compositions='val')
    with pytest.raises(UserError, match='set outfile_prefix'):
        RetrievalMetric(ann_file, format_only=True)
    with pytest.raises(UserError, match='both of query_gt and gallery_gt'):
        RetrievalMetric(ann_file, query_gt='a.json')
    metric = RetrievalMetric(ann_file)
    data_sample = predicted(1)
    data_sample.set_metainfo({'source': ''})
    with pytest.raises(UserError, match="image 1 has source ''"):
        metric.process({}, [data_sample.to_dict()])
    data_sample = predicted(1)
    del data_sample.pred_instances.match_features
    with pytest.raises(UserError, match='no match_features'):
        metric.process({}, [data_sample.to_dict()])

# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Both tools of retrieval, as a user runs them."""

import json
from pathlib import Path

import pytest

from mmfashion_ext.formats.deepfashion2.constants import ATTRIBUTES

ROOT = Path(__file__).parents[2]
EVALUATE = ROOT / 'tools/analysis/eval_retrieval.py'
COMPOSE = ROOT / 'tools/dataset_converters/retrieval_lists.py'
CONVERT = ROOT / 'tools/dataset_converters/deepfashion2.py'
OVERALL = [f'top-{k}' for k in (1, 5, 10, 15, 20)]
OVERALL += ['query_num', 'miss_num']


def write(folder, name, content):
    path = folder / f'{name}.json'
    path.write_text(json.dumps(content))
    return path


def read(path):
    return json.loads(path.read_text())


def perfect_results(queries, gallery):
    """Every garment detected exactly, its identical items first."""
    results = []
    for entry in queries:
        identity = entry['pair_id'], entry['style']
        ranked = sorted(
            gallery, key=lambda e: (e['pair_id'], e['style']) != identity
        )[:20]
        results.append(
            {
                'query_image_id': entry['query_image_id'],
                'query_bbox': entry['bbox'],
                'query_cls': entry['cls'],
                'query_score': 1.0,
                'gallery_image_id': [e['gallery_image_id'] for e in ranked],
                'gallery_bbox': [e['bbox'] for e in ranked],
            }
        )
    return results


@pytest.fixture(scope='module')
def truth(tmp_path_factory, run_python):
    """Our COCO file of synthetic data."""
    from mmfashion_ext.synthetic import generate_deepfashion2

    root = tmp_path_factory.mktemp('retrieval') / 'data'
    generate_deepfashion2(root, num=14, val=0, size=96, progress=False)
    path = root / 'train.json'
    run_python(CONVERT, root / 'train', '--out', path)
    return path


@pytest.mark.parametrize('composition', ['released', 'paper'])
def test_perfect_results_of_synthetic_data(
    truth, composition, run_python, tmp_path
):
    """With processes of their own."""
    paths = {name: tmp_path / f'{name}.json' for name in ('query', 'gallery')}
    options = [arg for name in paths for arg in (f'--{name}', paths[name])]
    options += ['--composition', composition]
    done = run_python(COMPOSE, truth, *options)
    queries, gallery = read(paths['query']), read(paths['gallery'])
    asked = sum(entry['style'] > 0 for entry in queries)
    assert f'{len(queries)} items, {asked} queries' in done.stdout
    assert asked > 3
    annotations = read(truth)['annotations']
    assert len(queries) + len(gallery) <= len(annotations)
    if composition == 'paper':
        assert all(entry['style'] > 0 for entry in gallery)
    else:
        shop = [ann for ann in annotations if ann['source'] == 'shop']
        assert len(gallery) == len(shop)
        assert asked == len(queries)

    results = write(tmp_path, 'results', perfect_results(queries, gallery))
    done = run_python(
        EVALUATE,
        *('--query-gt', paths['query'], '--gallery-gt', paths['gallery']),
        *('--results', results, '--out', tmp_path / 'out' / 'metrics.json'),
        *('--subsets', '--gt', truth, '--per-category'),
    )
    metrics = read(tmp_path / 'out' / 'metrics.json')
    assert list(metrics)[: len(OVERALL)] == OVERALL
    assert {metrics[name] for name in OVERALL[:5]} == {1}
    assert (metrics['query_num'], metrics['miss_num']) == (asked, 0)
    for attribute, values in ATTRIBUTES.items():
        parts = [f'{attribute}={v}/query_num' for v in values.values()]
        assert sum(metrics[part] for part in parts) == asked
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines()}
    assert rows['all'] == ['all', *['1.000'] * 5, str(asked), '0']
    assert rows['identical>5'][1:] == ['-'] * 5 + ['0', '0']
    assert 'trousers' in rows


QUERY = {
    'query_image_id': 1,
    'style': 1,
    'cls': 5,
    'pair_id': 7,
    'bbox': [0, 0, 10, 10],
}
GALLERY = {
    'gallery_image_id': 9,
    'style': 1,
    'pair_id': 7,
    'bbox': [5, 5, 20, 30],
}
RESULT = {
    'query_image_id': 1,
    'query_bbox': [0, 0, 10, 10],
    'query_cls': 5,
    'query_score': 0.5,
    'gallery_image_id': [8] + [9] * 19,
    'gallery_bbox': [[5, 5, 20, 30]] * 20,
}


@pytest.fixture
def evaluate(tmp_path, run_tool):
    """Run the tool with lists of one entry, some of them changed."""

    def run(query=(), gallery=(), results=(), options=(), status=0):
        lists = {
            'query-gt': [QUERY | dict(query)],
            'gallery-gt': [GALLERY | dict(gallery)],
            'results': [RESULT | dict(results)],
        }
        arguments = []
        for name, content in lists.items():
            arguments += [f'--{name}', write(tmp_path, name, content)]
        out = tmp_path / 'metrics.json'
        done = run_tool(
            EVALUATE, *arguments, '--out', out, *options, status=status
        )
        if status:
            assert done.stdout == ''
            assert not list(tmp_path.glob('*metrics.json*'))
            return done.stderr
        return read(out), done

    return run


def test_metrics_of_official_lists(evaluate):
    metrics, done = evaluate()
    assert metrics == {
        'top-1': 0,
        'top-5': 1,
        'top-10': 1,
        'top-15': 1,
        'top-20': 1,
        'query_num': 1,
        'miss_num': 0,
    }
    (note,) = done.stderr.splitlines()
    assert note.startswith('note: 1 of 20 retrieved items are of images that')


def test_subsets_without_codes(evaluate):
    metrics, done = evaluate(options=['--subsets'])
    parts = [f'identical>5/{name}' for name in OVERALL]
    assert list(metrics) == OVERALL + parts
    assert 'note: 1 of 1 queries have no attribute codes' in done.stderr


def test_query_that_cannot_be_answered(evaluate):
    error = evaluate(gallery={'style': 2}, status=2)
    assert len(error.splitlines()) == 1
    assert 'entry 0 has no gallery entry of its pair_id 7 and style' in error
    metrics, _ = evaluate(
        gallery={'style': 2}, options=['--unanswerable', 'miss']
    )
    assert metrics['query_num'] == 1
    assert metrics['top-20'] == 0


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'query': {'cls': 14}}, 'query-gt.json: entry 0 has cls 14'),
        ({'gallery': {'style': 'a'}}, "gallery-gt.json: entry 0 has style 'a"),
        (
            {'results': {'gallery_bbox': []}},
            'results.json: entry 0 has 20 gallery_image_id but 0',
        ),
        (
            {'results': {'query_bbox': [9, 9, 4, 4]}},
            'results.json: entry 0 has query_bbox [9, 9, 4, 4], expected',
        ),
        ({'options': ['--results', 'none.json']}, 'none.json: cannot read'),
        (
            {'options': ['--subsets', '--gt', EVALUATE]},
            'eval_retrieval.py: the ground truth is not valid JSON',
        ),
    ],
)
def test_errors_are_one_line(evaluate, changes, message):
    error = evaluate(**changes, status=2)
    assert len(error.splitlines()) == 1
    assert error.startswith('error: ')
    assert message in error


def test_ground_truth_is_for_subsets(evaluate):
    error = evaluate(options=['--gt', 'gt.json'], status=2)
    assert '--gt is for --subsets' in error


def coco(style=1, **image):
    shared = {'pair_id': 1, **image}
    annotation = {'category_id': 5, 'style': style, 'bbox': [1, 2, 3, 4]}
    return {
        'images': [
            {'id': 1, 'source': 'user', **shared},
            {'id': 2, 'source': 'shop', **shared},
        ],
        'annotations': [
            {'id': i, 'image_id': i, **annotation} for i in (1, 2)
        ],
    }


@pytest.mark.parametrize(
    ('gt', 'query', 'message'),
    [
        (
            coco(source=None),
            'q.json',
            'gt.json: image 1 has source None, expe',
        ),
        (coco(style=0), 'q.json', 'gt.json: no consumer item has a shop item'),
        ([], 'q.json', 'expected a COCO ground truth, an object with images'),
        (coco(), '.', 'is a folder, expected a file name'),
    ],
)
def test_lists_that_cannot_be_written(run_tool, tmp_path, gt, query, message):
    arguments = [write(tmp_path, 'gt', gt), '--query', tmp_path / query]
    arguments += ['--gallery', tmp_path / 'g.json']
    done = run_tool(COMPOSE, *arguments, status=2)
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ['gt.json']


def test_lists_in_one_file(run_tool, tmp_path):
    out = tmp_path / 'list.json'
    arguments = [write(tmp_path, 'gt', coco()), '--query', out]
    done = run_tool(COMPOSE, *arguments, '--gallery', out, status=2)
    assert 'are the same file' in done.stderr
    assert not out.exists()


def test_notes_what_is_not_asked_for(run_tool, tmp_path):
    gt = coco()
    lonely = gt['annotations'][0] | {'id': 3, 'style': 2}
    gt['annotations'].append(lonely)
    query = tmp_path / 'q.json'
    arguments = [write(tmp_path, 'gt', gt), '--query', query]
    done = run_tool(COMPOSE, *arguments, '--gallery', tmp_path / 'g.json')
    assert done.stderr.startswith('note: 1 consumer items have no shop item')
    assert len(read(query)) == 1

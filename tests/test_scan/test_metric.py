# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The metric against loops over tracklets, in a runner and two processes."""

import multiprocessing

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmfashion_ext.errors import UserError
from mmfashion_ext.evaluation.reid import ReIDDistances, evaluate_reid
from mmfashion_ext.scan.clip_features import ClipFeatures
from mmfashion_ext.scan.matcher import SCANMatcher
from mmfashion_ext.scan.matcher_hook import MatcherHook
from mmfashion_ext.scan.metric import VideoReIDMetric
from mmfashion_ext.scan.structures import ClipDataSample

PEOPLE, FRAMES, DIM = 6, 3, 8


def make_matcher(pooling='self+collaborative'):
    torch.manual_seed(0)
    matcher = SCANMatcher(raw_channels=4, channels=DIM, pooling=pooling)
    matcher.eval()
    with torch.no_grad():
        # as trained: the more different, the likelier class 0
        matcher.classifier.linear.weight[0] = 40.0
        matcher.classifier.linear.weight[1] = -40.0
    return matcher


def make_samples(dtype=torch.float32):
    """Each person by two cameras, of 1 to 3 clips; person 5 is not found."""
    draw = torch.Generator().manual_seed(0)
    centers = torch.randn(PEOPLE, DIM, generator=draw)
    samples = []
    for camera, role in enumerate(('query', 'gallery')):
        for person in range(PEOPLE):
            for clip in range(1 + (person + camera) % 3):
                x = centers[person] + 0.3 * torch.randn(
                    FRAMES, DIM, generator=draw
                )
                if person == 5 and camera:
                    x = x - 2 * centers[person]
                h = torch.randn(FRAMES, DIM, generator=draw)
                sample = ClipDataSample(
                    metainfo=dict(
                        pid=person,
                        camid=camera,
                        tracklet=camera * PEOPLE + person,
                        role=role,
                        start=5 * clip,
                        end=5 * clip + FRAMES,
                    )
                )
                sample.embeddings = (x / x.norm(dim=1, keepdim=True)).to(dtype)
                sample.attention_keys = h.to(dtype)
                samples.append(sample)
    return samples


def evaluate(samples, **kwargs):
    metric = VideoReIDMetric(**kwargs)
    metric.matcher = make_matcher()
    metric.process(None, [sample.to_dict() for sample in samples])
    return metric.evaluate(len(samples))


def plain_matrix(samples, percentile=10):
    """Tracklet by tracklet, clip by clip."""
    matcher = make_matcher()
    distmat = np.zeros((PEOPLE, PEOPLE))
    for q in range(PEOPLE):
        for g in range(PEOPLE):
            found = [
                matcher.distances(
                    ClipFeatures(a.embeddings[None], a.attention_keys[None]),
                    ClipFeatures(b.embeddings[None], b.attention_keys[None]),
                ).item()
                for a in samples
                for b in samples
                if (a.role, a.pid, b.role, b.pid) == ('query', q, 'gallery', g)
            ]
            limit = np.percentile(found, percentile)
            distmat[q, g] = np.mean([d for d in found if d <= limit])
    return distmat


@pytest.mark.parametrize('percentile', [10, 60])
def test_equal_to_pairs_of_clips(percentile, tmp_path):
    samples = make_samples()
    metrics = evaluate(
        samples, percentile=percentile, outfile_prefix=str(tmp_path / 'test')
    )
    expected = plain_matrix(samples, percentile)
    written = dict(np.load(tmp_path / 'test.distmat.npz'))
    np.testing.assert_allclose(written['distmat'], expected, atol=2e-6)
    people = np.arange(PEOPLE)
    cameras = np.zeros_like(people), np.ones_like(people)
    data = ReIDDistances(written['distmat'], people, people, *cameras)
    assert metrics == evaluate_reid(data)
    assert metrics == evaluate_reid(ReIDDistances(**written))
    assert metrics['query_num'] == PEOPLE
    assert len(metrics) == 15
    # all but the one who looks different
    assert metrics['allshots/CMC-1'] == pytest.approx(5 / 6)


def test_order_and_doubles_do_not_matter():
    """Processes deliver clips in turns and fill up the last round."""
    samples = make_samples()
    expected = evaluate(samples)
    permutation = np.random.default_rng(0).permutation(len(samples))
    shuffled = [samples[i] for i in permutation]
    assert evaluate(shuffled + shuffled[:3]) == expected


def test_half_precision():
    assert evaluate(make_samples(torch.bfloat16))['mAP'] == pytest.approx(
        evaluate(make_samples())['mAP'], abs=0.05
    )


def test_settings_of_the_protocol():
    metrics = evaluate(make_samples(), variants=['allshots'], topk=[1, 2])
    names = ['allshots/CMC-1', 'allshots/CMC-2', 'mAP']
    assert list(metrics) == [*names, 'query_num', 'miss_num']
    with pytest.raises(UserError, match='percentile must be 0 to 100'):
        VideoReIDMetric(percentile=101)


@pytest.mark.fault(13)
def test_queries_without_a_match_are_told(caplog, monkeypatch):
    told = []
    module = 'mmfashion_ext.scan.metric.print_log'
    monkeypatch.setattr(module, lambda text, **kwargs: told.append(text))
    samples = make_samples()
    kept = [s for s in samples if s.role == 'query' or s.pid != 2]
    metrics = evaluate(kept)
    assert (metrics['query_num'], metrics['miss_num']) == (PEOPLE - 1, 1)
    assert told == [
        f'1 of {PEOPLE} queries have no match in the gallery and are skipped; '
        f'the metrics are means over {PEOPLE - 1}'
    ]


@pytest.mark.fault(13)
def test_the_official_evaluation_of_mars_keeps_queries_in_the_gallery(
    tmp_path,
):
    """Two queries of one person in two cameras match each other."""
    samples = make_samples()
    kept = [s for s in samples if s.role == 'query' or s.pid != 2]
    for sample in samples:
        if sample.role == 'gallery' and sample.pid == 2:
            copy = sample.clone()
            copy.set_metainfo({'role': 'query'})
            kept.append(copy)
    assert evaluate(kept)['miss_num'] == 2
    prefix = str(tmp_path / 'x')
    metrics = evaluate(kept, query_in_gallery=True, outfile_prefix=prefix)
    assert (metrics['query_num'], metrics['miss_num']) == (PEOPLE + 1, 0)
    written = np.load(f'{prefix}.distmat.npz')
    assert written['distmat'].shape == (PEOPLE + 1, 2 * PEOPLE)


@pytest.mark.fault(16)
@pytest.mark.parametrize('pooling', ['mean', 'self', 'self+collaborative'])
def test_features_that_are_not_finite_are_one_line(pooling):
    samples = make_samples()
    samples[3].embeddings[0, 0] = float('nan')
    metric = VideoReIDMetric()
    metric.matcher = make_matcher(pooling)
    metric.process(None, [sample.to_dict() for sample in samples])
    with pytest.raises(UserError, match=r'query clips: .* are not finite'):
        metric.evaluate(len(samples))


def test_missing_parts_are_named():
    samples = [sample.to_dict() for sample in make_samples()]
    metric = VideoReIDMetric()
    metric.process(None, samples)
    with pytest.raises(UserError, match=r'MatcherHook.* to custom_hooks'):
        metric.evaluate(len(samples))
    queries = [s for s in make_samples() if s.role == 'query']
    with pytest.raises(UserError, match='no gallery clips were tested'):
        evaluate(queries)
    queries[0].embeddings = queries[0].embeddings[:1]
    with pytest.raises(UserError, match=r'differ in length: tracklet 0 has'):
        evaluate(queries)


class Clips(Dataset):
    metainfo = {}

    def __len__(self):
        return len(make_samples())

    def __getitem__(self, index):
        sample = make_samples()[index]
        return dict(inputs=torch.zeros(1), data_samples=sample)


class Model(BaseModel):
    """Knows the answer."""

    def __init__(self):
        super().__init__()
        self.matcher = make_matcher()

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return data_samples


def test_in_a_runner(tmp_path):
    loader = dict(
        batch_size=4,
        dataset=Clips(),
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='pseudo_collate'),
    )
    # as objects: a type's name makes the registry import every host
    metric = VideoReIDMetric(outfile_prefix=str(tmp_path / 'out'))
    runner = Runner(
        Model(),
        str(tmp_path),
        test_dataloader=loader,
        test_cfg=dict(),
        test_evaluator=Evaluator([metric]),
        custom_hooks=[MatcherHook()],
        experiment_name=tmp_path.name,
    )
    assert runner.test() == evaluate(make_samples())
    assert (tmp_path / 'out.distmat.npz').is_file()


def test_two_processes(tmp_path):
    """Each has half of the clips; rank 0 compares all of them."""
    expected = evaluate(make_samples())
    context = multiprocessing.get_context('fork')  # no second import of torch
    processes = [
        context.Process(target=_process, args=(tmp_path, rank), daemon=True)
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert torch.load(tmp_path / 'metrics') == expected


def _process(folder, rank):
    torch.set_num_threads(1)  # a fork has no threads of its parent
    torch.distributed.init_process_group(
        'gloo', f'file://{folder}/meeting', rank=rank, world_size=2
    )
    samples = make_samples()
    metric = VideoReIDMetric(collect_dir=f'{folder}/parts')
    metric.matcher = make_matcher()
    metric.process(None, [sample.to_dict() for sample in samples[rank::2]])
    metrics = metric.evaluate(len(samples))
    if rank == 0:
        torch.save(metrics, f'{folder}/metrics')


class Listed(list):
    """A dataset of items as they are before the pipeline."""

    def get_data_info(self, index):
        return self[index]


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ('clips', 'message'),
    [
        ([('query', 1)], "no gallery clips are in the dataset.*role='test'"),
        ([('train', 1)], 'no query clips are in the dataset'),
        ([('query', 1), ('gallery', 2)], 'none of the 1 persons'),
    ],
)
def test_no_match_is_told_at_load(clips, message):
    """An empty gallery was told after the first epoch of a training."""
    clips = Listed({'role': role, 'pid': pid} for role, pid in clips)
    with pytest.raises(UserError, match=message):
        VideoReIDMetric().check_dataset(clips)
    clips += [{'role': 'gallery', 'pid': 1}, {'role': 'query', 'pid': 1}]
    VideoReIDMetric().check_dataset(clips)

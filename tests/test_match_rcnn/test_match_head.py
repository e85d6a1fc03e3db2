# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The match network against what its author says of it, step by step."""

import runpy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmfashion_ext.match_rcnn import MatchHead
from mmfashion_ext.match_rcnn.match_head import FEATURES

SIZES = {'class': 7, 'pose': 14, 'mask': 14}
SCRIPT = Path(__file__).with_name('pair_loss_processes.py')
PROCESSES = runpy.run_path(str(SCRIPT))
CASES = PROCESSES['BATCHES']


def small_head(feature='class', **kwargs):
    torch.manual_seed(0)
    head = MatchHead(feature, 4, (6, 6, 8), 5, **kwargs)
    head.init_weights()
    with torch.no_grad():  # as if trained: weights of either sign
        head.fc_pair.weight.normal_()
        head.fc_pair.bias.normal_()
    return head


def features(num, streams=('class', 'pose', 'mask'), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        stream: torch.randn(
            num, 4, SIZES[stream], SIZES[stream], generator=generator
        )
        for stream in streams
    }


def identities(*names):
    return torch.tensor(names, dtype=torch.long).reshape(-1, 3)


def loss_of(head, names, feats=None):
    head.train()
    feats = feats or features(len(names))
    losses = head.loss_by_feat(
        feats, torch.arange(len(names)), identities(*names)
    )
    head.zero_grad()
    losses['loss_match'].backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    return losses


def test_the_network_is_the_authors():
    """Layer by layer, with the sizes of his log: 7 x 7 stays 7 x 7."""
    head = MatchHead()
    kinds = [type(m) for m in head.modules() if not list(m.children())]
    assert kinds == [
        *(nn.Conv2d, nn.ReLU) * 4,
        *(nn.Linear, nn.BatchNorm1d, nn.Linear),
    ]
    convs = [m for m in head.modules() if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in convs] == [256, 256, 256, 1024]
    assert all(m.kernel_size == (3, 3) for m in convs)
    assert all(m.padding == (1, 1) for m in convs)
    assert (head.fc.in_features, head.fc.out_features) == (1024, 256)
    assert (head.fc_pair.in_features, head.fc_pair.out_features) == (256, 2)

    head.eval()
    roi = torch.randn(3, 256, 7, 7)
    x = roi
    for conv in convs:
        x = conv(x).relu()
        assert x.shape[-2:] == (7, 7)
    expected = head.norm(head.fc(x.mean(dim=(2, 3)).relu()))
    torch.testing.assert_close(head({'class': roi}), expected)


@pytest.mark.parametrize('feature', FEATURES)
@pytest.mark.parametrize('merge', ['late', 'early'])
def test_every_feature_reads_its_streams_only(feature, merge):
    head = small_head(feature, merge=merge).eval()
    feats = features(3)
    vectors = head(feats)
    assert vectors.shape == (3, 5)
    for stream in SIZES:
        changed = {**feats, stream: feats[stream] + 1}
        same = torch.equal(head(changed), vectors)
        assert same == (stream not in FEATURES[feature])


def test_late_merging_keeps_both_networks_whole():
    head = small_head('pose+class').eval()
    feats = features(3)
    pooled = [
        trunk(feats[stream])
        for trunk, stream in zip(head.trunks, head.roi_features, strict=True)
    ]
    expected = head.norm(head.fc(torch.cat(pooled, 1)))
    torch.testing.assert_close(head(feats), expected)
    assert len(small_head('pose+class', merge='early').trunks) == 1


def test_logits_and_similarity_agree():
    head = small_head().eval()
    a, b = torch.randn(4, 5), torch.randn(3, 5)
    logits = head.pair_logits(a, b)
    for i in range(4):
        for j in range(3):
            square = (a[i] - b[j]) ** 2
            expected = head.fc_pair.weight @ square + head.fc_pair.bias
            torch.testing.assert_close(logits[i, j], expected)
    difference = logits[..., 0] - logits[..., 1]
    similarity = head.similarity()
    torch.testing.assert_close(similarity.pairwise(a, b), difference)
    augmented = similarity.augment_queries(a) @ (
        similarity.augment_gallery(b).T
    )
    torch.testing.assert_close(augmented, difference, atol=1e-4, rtol=0)
    # ranking by it is ranking by the probability of being similar
    probability = logits.softmax(dim=2)[..., 0]
    assert torch.equal(probability.argsort(1), difference.argsort(1))


def test_near_means_similar_from_the_start():
    similarity = MatchHead().similarity()
    torch.testing.assert_close(similarity.weight, torch.full((256,), -2 / 256))
    assert similarity.bias == 2
    # two strangers, normalised, score as far below zero as equals above
    a, b = torch.randn(2, 200, 256)
    score = similarity.pairwise(a, b).mean()
    assert score.item() == pytest.approx(-2, abs=0.05)


def test_loss_against_loops():
    names = [(7, 1, 1), (7, 2, 1), (9, 1, 1), (7, 1, 0), (9, 1, 0), (9, 2, 0)]
    head = small_head(loss_weight=0.5)
    feats = features(6)
    loss = loss_of(head, names, feats)
    head.train()  # the statistics of the batch
    vectors = head(feats)
    total, right = [], []
    for i, (pair, style, user) in enumerate(names):
        for j, (other_pair, other_style, other_user) in enumerate(names):
            if user == 1 and other_user == 0:
                logits = head.fc_pair((vectors[i] - vectors[j]) ** 2)
                same = (pair, style) == (other_pair, other_style)
                chance = logits.softmax(0)
                total.append(-chance[0 if same else 1].log())
                right.append((chance[0] > chance[1]) == same)
    assert len(total) == 9
    expected = 0.5 * torch.stack(total).mean()
    torch.testing.assert_close(loss['loss_match'], expected)
    share = 100 * torch.stack(right).float().mean()
    torch.testing.assert_close(loss['match_acc'], share)


@pytest.mark.parametrize(
    'names',
    [
        [],
        [(1, 1, 1)],
        [(1, 1, 1), (1, 1, 1)],
        [(1, 1, 0), (2, 1, 0), (3, 1, 0)],
    ],
    ids=['no RoI', 'one RoI', 'users only', 'shops only'],
)
def test_without_pairs_the_loss_is_zero(names):
    head = small_head()
    losses = loss_of(head, names)
    assert losses['loss_match'] == 0
    assert 'match_acc' not in losses
    assert all(p.grad.abs().sum() == 0 for p in head.parameters())


def test_without_a_similar_pair_it_trains_on():
    losses = loss_of(small_head(), [(1, 1, 1), (2, 1, 0), (3, 4, 0)])
    assert losses['loss_match'] > 0


def test_the_same_style_of_another_pair_is_different():
    feats = features(2)
    same = loss_of(small_head(), [(1, 1, 1), (1, 1, 0)], feats)['loss_match']
    other = loss_of(small_head(), [(1, 1, 1), (2, 1, 0)], feats)['loss_match']
    # cross-entropies of a probability and of its complement
    torch.testing.assert_close(
        (-same).exp() + (-other).exp(), torch.tensor(1.0)
    )


def test_order_repeats_rois_without_computing_them_again():
    head = small_head().train()
    names = identities((1, 1, 1), (1, 1, 0))
    order = torch.tensor([0, 0, 1, 1, 1])
    feats = features(2)
    twice = head.loss_by_feat(feats, order, names[order])['loss_match']
    repeated = {stream: feat[order] for stream, feat in feats.items()}
    plain = head.loss_by_feat(repeated, torch.arange(5), names[order])[
        'loss_match'
    ]
    torch.testing.assert_close(twice, plain)


def test_gradients_are_exact():
    head = small_head('pose+class').double().train()
    names = identities((1, 1, 1), (2, 1, 1), (1, 1, 0), (2, 1, 0))

    def loss(pose, cls):
        feats = {'pose': pose, 'class': cls}
        return head.loss_by_feat(feats, torch.arange(4), names)['loss_match']

    inputs = [
        torch.randn(4, 4, size, size, dtype=torch.double, requires_grad=True)
        for size in (4, 2)
    ]
    assert torch.autograd.gradcheck(loss, inputs)


def test_half_precision_ends_in_float32():
    head = small_head().train()
    names = [(1, 1, 1), (2, 1, 1), (1, 1, 0), (2, 1, 0)]
    exact = loss_of(head, names)['loss_match']
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = loss_of(head, names)['loss_match']
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=0.1)


def test_two_vectors_have_statistics_one_has_not():
    """Two are the fewest that batch normalisation is defined for."""
    head = small_head().train()
    vectors = torch.tensor([[0.0] * 5, [2.0] * 5])
    scale = head.norm.weight / (1 + head.norm.eps) ** 0.5
    expected = torch.stack([-scale, scale]) + head.norm.bias
    torch.testing.assert_close(head.normalise(vectors), expected)
    head.norm.reset_running_stats()
    torch.testing.assert_close(
        head.normalise(vectors[1:]),  # mean 0 and variance 1 so far
        2 * scale[None] * (1 + head.norm.eps) ** 0.5 + head.norm.bias,
        rtol=1e-4,
        atol=1e-4,
    )


def test_pairs_are_compared_in_float32_under_autocast():
    """The squares of differences of close vectors vanish in 8 bits."""
    head = small_head().train()
    names = ((1, 1, 1), (1, 1, 0), (2, 1, 1), (2, 1, 0))
    embedded = torch.randn(4, 5)
    head.embed = lambda feats: embedded
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = head.loss_by_feat({}, torch.arange(4), identities(*names))
    head.double()
    vectors = head.normalise(embedded.double())
    logits = head.pair_logits(vectors[::2], vectors[1::2]).flatten(0, 1)
    expected = F.cross_entropy(logits, torch.tensor([0, 1, 1, 0]))
    assert loss['loss_match'].item() == pytest.approx(expected.item(), 1e-5)


def test_learns_to_tell_garments_apart():
    head = small_head()
    names = [(k, 1, user) for user in (1, 0) for k in range(4)]
    feats = {'class': features(4)['class'].repeat(2, 1, 1, 1)}
    optimizer = torch.optim.Adam(head.parameters(), 0.01)
    for _ in range(150):
        losses = loss_of(head, names, feats)
        optimizer.step()
    assert losses['match_acc'] == 100
    vectors = head(feats)
    best = head.similarity().search(vectors[:4], vectors[4:], 1).indices
    assert best.flatten().tolist() == [0, 1, 2, 3]


@pytest.fixture(scope='module')
def by_processes(run_ranks, tmp_path_factory):
    """Results of one process and of two: case -> loss, gradients, ..."""
    folder = tmp_path_factory.mktemp('processes')
    PROCESSES['main'](folder / 'one.pth')
    run_ranks(SCRIPT, folder / 'two.pth')
    return [torch.load(folder / f'{name}.pth') for name in ('one', 'two')]


@pytest.mark.parametrize('case', CASES)
def test_processes_equal_one_process(by_processes, case):
    """2 processes x 2 images: loss and gradients of 1 process x 4 images."""
    one, two = (results[case] for results in by_processes)
    assert one.keys() == two.keys()
    counts = CASES[case]
    pairs = sum(counts[::2]) * sum(counts[1::2])
    assert (one['loss'] > 0) == (pairs > 0)
    for name, value in one.items():
        torch.testing.assert_close(
            two[name], value, atol=1e-6, rtol=0, msg=name
        )


def test_unknown_settings_are_refused():
    with pytest.raises(
        ValueError, match='feature of MatchHead must be one of class, pose'
    ):
        MatchHead('keypoints')
    with pytest.raises(
        ValueError, match="merge of MatchHead must be 'late' or 'early'"
    ):
        MatchHead(merge='sum')


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_cuda_equals_cpu():
    names = [(1, 1, 1), (2, 1, 1), (1, 1, 0), (2, 1, 0)]
    feats = features(4)
    head = small_head('mask+class')
    expected = loss_of(head, names, feats)['loss_match']
    head.cuda()
    feats = {stream: feat.cuda() for stream, feat in feats.items()}
    found = head.loss_by_feat(
        feats, torch.arange(4).cuda(), identities(*names).cuda()
    )['loss_match']
    torch.testing.assert_close(found.cpu(), expected, atol=1e-4, rtol=0)

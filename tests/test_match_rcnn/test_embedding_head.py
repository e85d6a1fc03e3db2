# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The embedding head: its losses written out, its vectors, its places."""

import pytest
import torch
import torch.nn.functional as F
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData

from mmfashion_ext.errors import UserError
from mmfashion_ext.match_rcnn import EmbeddingHead, MatchHead, MatchRoIHead
from mmfashion_ext.match_rcnn.embedding_losses import batch_hard_triplet

SMALL = dict(in_channels=4, conv_channels=(6, 8), out_channels=5)
NAMES = [(1, 1, 1), (1, 1, 0), (2, 1, 1), (2, 1, 0)]


def small_head(**kwargs):
    torch.manual_seed(0)
    head = EmbeddingHead(**{**SMALL, 'num_identities': 3, **kwargs})
    head.init_weights()
    return head


def features(num):
    generator = torch.Generator().manual_seed(1)
    return {
        name: torch.randn(num, 4, size, size, generator=generator)
        for name, size in (('class', 7), ('pose', 14))
    }


def loss_of(head, names):
    head.train()
    identities = torch.tensor(names, dtype=torch.long).reshape(-1, 3)
    losses = head.loss_by_feat(
        features(len(names)), torch.arange(len(names)), identities
    )
    head.zero_grad()
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    return losses


def test_the_losses_are_on_both_sides_of_the_batch_norm():
    """Swapped, distances and angles would fight each other."""
    head = small_head(triplet_margin=1.0)
    losses = loss_of(head, NAMES)
    maps = head.trunks[0].maps(features(4)['class'])
    before = head.fc(maps.clamp(min=1e-6).pow(3).mean((2, 3)).pow(1 / 3))
    garments = torch.tensor(NAMES)[:, :2]
    torch.testing.assert_close(
        losses['loss_triplet'], batch_hard_triplet(before, garments, 1.0)
    )
    after = (before - before.mean(0)) / (
        before.var(0, correction=0) + head.norm.eps
    ).sqrt()
    logits = after @ head.classifier.weight.T
    target = head.classifier.classes_of(garments)
    torch.testing.assert_close(
        losses['loss_identity'],
        F.cross_entropy(logits, target, label_smoothing=0.1),
    )


@pytest.mark.parametrize('names', [[], NAMES[:1], NAMES[:2], NAMES[::2]])
@pytest.mark.parametrize('kind', ['softmax', 'arcface', 'none'])
def test_degenerate_batches_reach_every_parameter(names, kind):
    """Otherwise training in several processes waits for ever."""
    kwargs = (
        {'num_identities': 0} if kind == 'none' else {'identity_loss': kind}
    )
    losses = loss_of(small_head(**kwargs), names)
    assert losses['loss_triplet'] == 0
    assert ('loss_identity' in losses) == (kind != 'none')


def test_vectors_have_unit_length_and_are_centred():
    head = small_head(feature='pose+class').eval()
    assert head.norm.bias is None
    vectors = head(features(3))
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))
    scores = head.similarity().pairwise(vectors, vectors)
    torch.testing.assert_close(
        scores, vectors @ vectors.T, atol=1e-5, rtol=1e-5
    )
    assert head(features(0)).shape == (0, 5)


def test_it_learns_to_tell_garments_apart():
    head = small_head()
    optimizer = torch.optim.Adam(head.parameters(), 0.01)
    values = []
    for _ in range(30):
        losses = loss_of(head, NAMES)
        values.append(float(losses['loss_triplet'].detach()))
        optimizer.step()
    assert values[-1] < 0.5 * values[0]
    assert losses['identity_acc'] == 100


def predict(head):
    class Feats:
        def read(self, name, boxes):
            return features(sum(map(len, boxes)))[name]

    results = [InstanceData(bboxes=torch.zeros(n, 4)) for n in (2, 0)]
    samples = [DetDataSample(), DetDataSample()]
    boxes = [result.bboxes for result in results]
    head.eval().add_predictions(Feats(), boxes, results, samples)
    return results, samples


def test_predictions_are_in_its_own_field():
    results, samples = predict(small_head(field='embedding'))
    assert results[0].embedding_features.shape == (2, 5)
    assert results[1].embedding_features.shape == (0, 5)
    assert samples[0].metainfo['embedding_similarity']['bias'] == 1
    results, _ = predict(small_head())
    assert results[0].match_features.shape == (2, 5)


def test_two_heads_do_not_write_one_field():
    """The second would replace the first one's vectors, silently."""
    roi = MatchRoIHead.__new__(MatchRoIHead)
    torch.nn.Module.__init__(roi)
    roi.match_head = MatchHead('class', 4, (6, 8), 5)
    roi.embedding_head = small_head()
    roi.stream_names = ('match', 'embedding')
    with pytest.raises(UserError, match="set field='embedding'"):
        roi._check_fields()
    roi.embedding_head.field = 'embedding'
    roi._check_fields()

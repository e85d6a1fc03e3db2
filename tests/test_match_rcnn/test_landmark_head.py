# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmfashion_ext.formats.deepfashion2.constants import CATEGORIES
from mmfashion_ext.match_rcnn.landmark_head import (
    LandmarkHead,
    decode_landmarks,
    encode_landmarks,
)

ROI = torch.tensor([[10.0, 20.0, 122.0, 132.0]])  # 112 px: 2 px a cell


def tiny_head(**kwargs):
    torch.manual_seed(0)
    head = LandmarkHead(num_convs=1, in_channels=4, conv_channels=4, **kwargs)
    head.init_weights()
    return head


def one_hot(cell, size=56, peak=40.0):
    """Maps whose softmax is almost all in one cell: (R, K, S, S)."""
    logits = torch.zeros(*cell.shape, size * size)
    logits.scatter_(2, cell[..., None], peak)
    return logits.unflatten(2, (size, size))


def labelled_items(labels, rois, seed=0):
    """Landmarks inside their RoI, labelled in their category's slice."""
    rng = torch.Generator().manual_seed(seed)
    share = torch.rand(len(labels), 294, 2, generator=rng)
    keypoints = (
        rois[:, None, :2] + share * (rois[:, 2:] - rois[:, :2])[:, None]
    )
    visible = torch.zeros(len(labels), 294, dtype=torch.long)
    for i, label in enumerate(labels):
        visible[i, CATEGORIES[label].slice] = 2
    return keypoints, visible


class TestCodec:
    @settings(deadline=None, max_examples=50)
    @given(
        x=st.floats(0, 1),
        y=st.floats(0, 1),
        left=st.floats(-50, 50),
        top=st.floats(-50, 50),
        width=st.floats(1, 900),
        height=st.floats(1, 900),
    )
    def test_round_trip_stays_within_half_a_cell(
        self, x, y, left, top, width, height
    ):
        roi = torch.tensor(
            [[left, top, left + width, top + height]], dtype=torch.float64
        )
        point = torch.tensor([left + x * width, top + y * height])
        point = point.double().clamp(max=roi[0, 2:]).clamp(min=roi[0, :2])
        cell, inside = encode_landmarks(point[None, None], roi, 56)
        assert inside.all()
        decoded, score = decode_landmarks(one_hot(cell), roi)
        half_cell = torch.tensor([width, height]) / 56 / 2
        assert ((decoded[0, 0] - point).abs() <= half_cell + 1e-4).all()
        assert score.item() == pytest.approx(1, abs=1e-6)

    def test_cell_is_row_major(self):
        point = torch.tensor([[[10 + 2 * 5 + 0.1, 20 + 2 * 9 + 0.1]]])
        cell, _ = encode_landmarks(point, ROI, 56)
        assert cell.item() == 9 * 56 + 5

    def test_edges_are_inside_and_beyond_is_not(self):
        points = torch.tensor(
            [[[10, 20], [122, 132], [9.99, 50], [50, 132.01]]]
        ).float()
        cell, inside = encode_landmarks(points, ROI, 56)
        assert inside[0].tolist() == [True, True, False, False]
        assert cell[0, 1].item() == 56 * 56 - 1

    def test_sub_cell_between_two_equal_cells(self):
        logits = torch.full((1, 1, 56, 56), -40.0)
        logits[0, 0, 10, 20] = logits[0, 0, 10, 21] = 0
        point, score = decode_landmarks(logits, ROI)
        # the border between columns 20 and 21, the middle of row 10
        assert point[0, 0].tolist() == pytest.approx([10 + 42, 20 + 21])
        assert score.item() == pytest.approx(1)
        coarse, _ = decode_landmarks(logits, ROI, window=1)
        assert coarse[0, 0].tolist() == pytest.approx([10 + 41, 20 + 21])

    def test_recovers_a_gaussian_to_a_tenth_of_a_cell(self):
        grid = torch.arange(56) + 0.5
        for x, y in [(20.3, 31.8), (5.55, 50.05), (28.0, 28.0)]:
            squared = (grid[None] - x) ** 2 + (grid[:, None] - y) ** 2
            logits = (-squared / (2 * 0.6**2))[None, None]
            point, _ = decode_landmarks(logits, ROI)
            cells = (point[0, 0] - ROI[0, :2]) / 2
            np.testing.assert_allclose(cells, [x, y], atol=0.1)

    @pytest.mark.parametrize('corner', [0, 55, 55 * 56, 56 * 56 - 1])
    def test_window_at_the_corners(self, corner):
        point, score = decode_landmarks(one_hot(torch.tensor([[corner]])), ROI)
        expected = [10 + 2 * (corner % 56) + 1, 20 + 2 * (corner // 56) + 1]
        assert point[0, 0].tolist() == pytest.approx(expected, abs=1e-3)
        assert score.item() == pytest.approx(1)

    def test_equals_a_plain_loop(self):
        torch.manual_seed(1)
        logits = torch.randn(2, 3, 8, 8) * 3
        rois = torch.tensor([[0.0, 0, 16, 8], [-4, 3, 5, 60]])
        points, scores = decode_landmarks(logits, rois)
        for r in range(2):
            for k in range(3):
                p = F.softmax(logits[r, k].flatten(), 0).view(8, 8).double()
                row, col = divmod(int(p.argmax()), 8)
                total = mean_x = mean_y = 0.0
                for i in range(max(row - 1, 0), min(row + 2, 8)):
                    for j in range(max(col - 1, 0), min(col + 2, 8)):
                        total += p[i, j]
                        mean_x += p[i, j] * (j + 0.5)
                        mean_y += p[i, j] * (i + 0.5)
                x1, y1, x2, y2 = rois[r].tolist()
                expected = [
                    x1 + mean_x / total / 8 * (x2 - x1),
                    y1 + mean_y / total / 8 * (y2 - y1),
                ]
                np.testing.assert_allclose(points[r, k], expected, rtol=1e-5)
                assert scores[r, k].item() == pytest.approx(float(total))


class TestLoss:
    @pytest.mark.parametrize('normalize', ['roi', 'landmark'])
    def test_equals_a_plain_loop_over_landmarks(self, normalize):
        head = tiny_head(normalize=normalize, loss_weight=0.5)
        torch.nn.init.normal_(head.upsample.weight)
        feats = torch.randn(3, 4, 14, 14)
        rois = torch.tensor(
            [[0.0, 0, 56, 56], [10, 20, 122, 132], [3, 5, 77, 40]]
        )
        labels = torch.tensor([8, 3, 8])  # 8 landmarks, 39, 8
        keypoints, visible = labelled_items(labels, rois)
        visible[1, CATEGORIES[3].offset + 5] = 0
        visible[0, CATEGORIES[8].offset] = 1  # occluded ones count
        keypoints[2, CATEGORIES[8].offset] = 1000  # outside: no target
        visible[2, CATEGORIES[0].slice] = 2  # not its category
        maps = head(feats)
        assert maps.shape == (3, 294, 56, 56)
        per_roi = []
        for r in range(3):
            x1, y1, x2, y2 = rois[r].tolist()
            own = []
            for k in range(294):
                column = (keypoints[r, k, 0].item() - x1) / (x2 - x1) * 56
                row = (keypoints[r, k, 1].item() - y1) / (y2 - y1) * 56
                part = CATEGORIES[labels[r]].slice
                if (
                    not part.start <= k < part.stop
                    or visible[r, k] == 0
                    or not (0 <= column <= 56 and 0 <= row <= 56)
                ):
                    continue
                log_p = F.log_softmax(maps[r, k].flatten(), 0)
                cell = min(int(row), 55) * 56 + min(int(column), 55)
                own.append(-log_p[cell])
            per_roi.append(torch.stack(own))
        assert [len(own) for own in per_roi] == [8, 38, 7]
        if normalize == 'roi':
            expected = torch.stack([own.mean() for own in per_roi]).mean()
        else:
            expected = torch.cat(per_roi).mean()
        parameters = list(head.parameters())
        gradients = torch.autograd.grad(0.5 * expected, parameters)
        loss = head.loss_by_feat(feats, rois, labels, keypoints, visible)
        loss = loss['loss_landmark']
        torch.testing.assert_close(loss, 0.5 * expected)
        torch.testing.assert_close(
            torch.autograd.grad(loss, parameters), gradients
        )

    def test_many_landmarks_do_not_drown_few(self):
        """A RoI of 8 landmarks weighs as much as one of 39."""
        labels, rois = torch.tensor([8, 3]), ROI.repeat(2, 1)
        feats = torch.randn(2, 4, 14, 14)
        items = labelled_items(labels, rois)
        head = tiny_head()
        both = head.loss_by_feat(feats, rois, labels, *items)['loss_landmark']
        alone = [
            head.loss_by_feat(
                feats[i : i + 1],
                rois[i : i + 1],
                labels[i : i + 1],
                *(part[i : i + 1] for part in items),
            )['loss_landmark']
            for i in range(2)
        ]
        torch.testing.assert_close(both, sum(alone) / 2)

    def test_landmarks_of_other_categories_are_not_trained(self):
        head = tiny_head()
        keypoints, _ = labelled_items([4], ROI)
        visible = torch.full((1, 294), 2)
        feats = torch.randn(1, 4, 14, 14)
        head.loss_by_feat(feats, ROI, torch.tensor([4]), keypoints, visible)[
            'loss_landmark'
        ].backward()
        trained = head.upsample.weight.grad.abs().sum(dim=(0, 2, 3)) > 0
        assert trained[CATEGORIES[4].slice].all()
        assert trained.sum() == CATEGORIES[4].num_landmarks

    @pytest.mark.parametrize('num_rois', [0, 1, 3])
    def test_nothing_labelled_gives_zero_with_a_gradient(self, num_rois):
        head = tiny_head()
        loss = head.loss_by_feat(
            torch.randn(num_rois, 4, 14, 14),
            ROI.repeat(num_rois, 1),
            torch.arange(num_rois),
            torch.zeros(num_rois, 294, 2),
            torch.zeros(num_rois, 294, dtype=torch.long),
        )['loss_landmark']
        assert loss.item() == 0
        loss.backward()
        assert all((p.grad == 0).all() for p in head.parameters())

    def test_empty_box_does_not_divide_by_zero(self):
        head = tiny_head()
        rois = torch.tensor([[5.0, 5, 5, 5]])
        labels = torch.tensor([0])
        loss = head.loss_by_feat(
            torch.randn(1, 4, 14, 14),
            rois,
            labels,
            *labelled_items(labels, rois),
        )['loss_landmark']
        assert torch.isfinite(loss)

    def test_gradient(self):
        head = tiny_head().double()
        rois = torch.tensor([[0.0, 0, 8, 8], [1, 2, 5, 9]]).double()
        labels = torch.tensor([8, 6])
        keypoints, visible = labelled_items(labels, rois)

        def loss(feats):
            return head.loss_by_feat(feats, rois, labels, keypoints, visible)[
                'loss_landmark'
            ]

        feats = torch.randn(2, 4, 3, 3, dtype=torch.float64)
        assert torch.autograd.gradcheck(loss, feats.requires_grad_())

    @pytest.mark.parametrize('normalize', ['roi', 'landmark'])
    def test_rois_without_a_target_do_not_dilute_the_loss(self, normalize):
        """They would lower the loss of all others, without a landmark."""
        labels, rois = torch.tensor([8, 3, 3]), ROI.repeat(3, 1)
        feats = torch.randn(3, 4, 14, 14)
        keypoints, visible = labelled_items(labels, rois)
        keypoints[1] = 1000  # all outside
        visible[2] = 0  # none labelled
        head = tiny_head(normalize=normalize)
        items = (feats, rois, labels, keypoints, visible)
        torch.testing.assert_close(
            head.loss_by_feat(*items)['loss_landmark'],
            head.loss_by_feat(*(part[:1] for part in items))['loss_landmark'],
        )

    @pytest.mark.parametrize('visibility', [1, 2])
    def test_items_that_are_wholly_occluded_are_trained(self, visibility):
        labels = torch.tensor([8])
        keypoints, visible = labelled_items(labels, ROI)
        truth = {
            'labels': labels,
            'keypoints': keypoints,
            'keypoints_visible': visible.clamp(max=visibility),
        }
        feats = torch.randn(1, 4, 14, 14)
        head = tiny_head()
        loss = head.loss(
            SimpleNamespace(read=lambda name, boxes: feats),
            SimpleNamespace(
                positive_boxes=[ROI], positive_targets=truth.__getitem__
            ),
        )['loss_landmark']
        whole = head.loss_by_feat(feats, ROI, labels, keypoints, visible)
        torch.testing.assert_close(loss, whole['loss_landmark'])
        assert loss > 0

    def test_learns_one_item(self):
        head = tiny_head()
        feats = torch.randn(1, 4, 14, 14)
        labels = torch.tensor([8])
        keypoints, visible = labelled_items(labels, ROI)
        optimizer = torch.optim.Adam(head.parameters(), 0.1)
        for _ in range(60):
            optimizer.zero_grad()
            loss = head.loss_by_feat(feats, ROI, labels, keypoints, visible)
            loss['loss_landmark'].backward()
            optimizer.step()
        found = head.predict(feats, ROI, labels)
        own = CATEGORIES[8].slice
        error = (found['keypoints'] - keypoints)[0, own].norm(dim=1)
        assert error.max() < 2  # px, one cell


def test_maps_are_doubled_around_cell_centres():
    """0, 1 become 0, 1/4, 3/4, 1: with aligned corners it is thirds."""
    maps = torch.tensor([[0.0, 1.0], [0.0, 1.0]])[None, None]
    row = torch.tensor([0.0, 0.25, 0.75, 1.0])
    assert torch.equal(tiny_head().enlarge(maps)[0, 0], row.repeat(4, 1))


class TestPredict:
    @pytest.mark.parametrize('num_rois', [0, 1, 33])
    def test_fills_all_294_inside_the_box(self, num_rois):
        head = tiny_head()
        labels = torch.arange(num_rois) % 13
        boxes = ROI.repeat(num_rois, 1)
        with torch.no_grad():
            found = head.predict(
                torch.randn(num_rois, 4, 14, 14), boxes, labels
            )
        assert found['keypoints'].shape == (num_rois, 294, 2)
        assert found['keypoint_scores'].shape == (num_rois, 294)
        points = found['keypoints']
        assert (points >= ROI[0, :2]).all()
        assert (points <= ROI[0, 2:]).all()
        for i, label in enumerate(labels):
            own = found['keypoints_in_class'][i]
            assert own[CATEGORIES[label].slice].all()
            assert own.sum() == CATEGORIES[label].num_landmarks

    def test_amp(self):
        head = tiny_head()
        labels = torch.tensor([8])
        feats = torch.randn(1, 4, 14, 14)
        with torch.autocast('cpu', dtype=torch.bfloat16):
            assert head.convs(feats).dtype == torch.bfloat16
            loss = head.loss_by_feat(
                feats, ROI, labels, *labelled_items(labels, ROI)
            )['loss_landmark']
            found = head.predict(feats, ROI, labels)
        assert loss.dtype == found['keypoints'].dtype == torch.float32
        assert torch.isfinite(loss)
        loss.backward()
        assert all(p.grad.isfinite().all() for p in head.parameters())

    def test_compiled_head_gives_the_same_maps(self):
        head = tiny_head().eval()
        compiled = torch.compile(
            head,
            fullgraph=True,
            dynamic=True,
            options={'compile_threads': 1},  # a pool takes long to start
        )
        with torch.no_grad():
            for num_rois in (2, 5):
                features = torch.randn(num_rois, 4, 14, 14)
                torch.testing.assert_close(
                    compiled(features), head(features), atol=1e-5, rtol=1e-4
                )


def test_wrong_normalize_is_refused():
    with pytest.raises(
        ValueError,
        match="of LandmarkHead must be 'roi' or 'landmark', got 'sum'",
    ):
        LandmarkHead(normalize='sum')


def test_paper_size():
    head = LandmarkHead()
    widths = [conv.conv.out_channels for conv in head.convs]
    assert widths == [512] * 8
    assert head.enlarge(torch.zeros(1, 1, 28, 28)).shape[-1] == 56

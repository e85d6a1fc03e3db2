# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Small models with random weights, and their exports."""

import pytest


@pytest.fixture(scope='session')
def detector():
    """Match R-CNN whose random outputs differ from box to box."""
    torch = pytest.importorskip('torch')
    pytest.importorskip('mmdet')
    import mmfashion_ext

    torch.manual_seed(0)
    model = mmfashion_ext.get_model(
        'match-rcnn_r18-small_fpn_2xb8-3e_synthetic-160x160'
    ).eval()
    model.roi_head.test_cfg.score_thr = 0.2
    roi_head, rpn = model.roi_head, model.rpn_head
    with torch.no_grad():
        for layer, factor in (
            (rpn.rpn_cls, 30),
            (rpn.rpn_reg, 30),
            (roi_head.bbox_head.fc_cls, 200),
            (roi_head.bbox_head.fc_reg, 200),
            (roi_head.mask_head.conv_logits, 30),
            (roi_head.landmark_head.upsample, 300),
        ):
            layer.weight *= factor
    return model


@pytest.fixture(scope='session')
def exported(detector, tmp_path_factory):
    """Folder of the exported model."""
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    from mmfashion_ext.match_rcnn.onnx_export import export_onnx

    folder = tmp_path_factory.mktemp('exported') / 'match'
    export_onnx(detector, folder)
    return folder


@pytest.fixture(scope='session')
def student():
    """A narrow mobile student that changes about half of the photograph."""
    torch = pytest.importorskip('torch')
    pytest.importorskip('mmengine')
    import mmfashion_ext

    torch.manual_seed(0)
    model = mmfashion_ext.get_model(
        'pf-afn-mobile_supervised_1xb8-2e_synthetic-128x96',
        **{
            'model.warp_net.widths': (4, 4, 6, 6, 6),
            'model.warp_net.depths': (1, 1, 1, 1, 1),
            'model.warp_net.channels': 8,
            'model.warp_net.head_channels': (8, 6, 4),
            'model.generator.widths': (4, 4, 6, 6, 6),
            'model.generator.depths': (1, 1, 1, 1, 1),
        },
    ).eval()
    torch.nn.init.normal_(model.generator.last_conv.weight, 0, 30)
    for head in model.warp_net.main_heads:
        torch.nn.init.uniform_(head.layers[-1].bias, -1, 1)
    return model


@pytest.fixture(scope='session')
def dressing(student, tmp_path_factory):
    """Folder of the exported student."""
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    from mmfashion_ext.tryon.inference.onnx_export import export_folder

    folder = tmp_path_factory.mktemp('exported') / 'dressing'
    export_folder(student, folder, 'narrow', (128, 96), whole=False)
    return folder


@pytest.fixture(scope='session')
def recognizer():
    """A small SCAN that tells some tracklets from others."""
    torch = pytest.importorskip('torch')
    pytest.importorskip('mmengine')
    import mmfashion_ext

    torch.manual_seed(0)
    model = mmfashion_ext.get_model(
        'scan_r10-small_1xb32-8e_synthetic-64x32'
    ).eval()
    with torch.no_grad():
        model.matcher.classifier.linear.weight[0] = 0.05
        model.matcher.classifier.linear.weight[1] = -0.05
    return model


@pytest.fixture(scope='session')
def searching(recognizer, tmp_path_factory):
    """Folder of the exported SCAN."""
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    from mmfashion_ext.scan.onnx_export import export_onnx

    folder = tmp_path_factory.mktemp('exported') / 'searching'
    export_onnx(recognizer, folder)
    return folder


@pytest.fixture(scope='session')
def landmark_model():
    """A small category-aware landmark model whose heat maps have peaks."""
    torch = pytest.importorskip('torch')
    pytest.importorskip('mmpose')
    import mmfashion_ext

    torch.manual_seed(0)
    model = mmfashion_ext.get_model(
        'td-hm-udp-aggregated_r18-small_1xb32-10e_synthetic-128x96'
    ).eval()
    with torch.no_grad():
        model.head.final_layer.weight *= 30
    return model


@pytest.fixture(scope='session')
def marking(landmark_model, tmp_path_factory):
    """Folder of the exported landmark model."""
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    from mmfashion_ext.landmark.onnx_export import export_onnx

    folder = tmp_path_factory.mktemp('exported') / 'marking'
    export_onnx(landmark_model, folder)
    return folder

# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The runtime without PyTorch, as a process."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmfashion_ext.lite.base import LiteInferencer

ROOT = Path(__file__).resolve().parents[2]

CODE = """
import sys
for name in ('torch', 'torchvision', 'mmcv', 'mmengine', 'mmdet', 'mmpose',
             'rich', 'scipy', 'matplotlib', 'pycocotools'):
    sys.modules[name] = None  # import fails
import warnings
warnings.simplefilter('error')
from mmfashion_ext.lite import build_inferencer

infer = build_inferencer(sys.argv[1], threads=1)
*inputs, out = sys.argv[2:]
inputs[0] = [inputs[0], 'none.jpg']
if infer.system == 'scan':  # a folder of frames is missing
    inputs = [[inputs[1]], ['none.jpg']], [[inputs[1]], [inputs[1]]]
result = infer(*inputs, out_dir=out, draw=True)
(found,) = result['predictions']
print(len(found.get('scores', found)), len(result['skipped']))
known = {*sys.stdlib_module_names, 'mmfashion_ext', 'numpy', 'cv2', 'PIL'}
known |= {'onnxruntime', '__main__', 'google', 'flatbuffers', '_cython_3_1_4',
          'cython_runtime'}
used = {name.partition('.')[0] for name, module in sys.modules.items()
        if module is not None}
print(sorted(name for name in used - known if not name.startswith('_')))
"""


@pytest.mark.parametrize(
    ('model', 'inputs'),
    [
        ('exported', 'i'),
        ('marking', 'i'),
        ('dressing', 'iim'),
        ('searching', 'tt'),
    ],
)
def test_runs_where_no_host_can_be_imported(model, inputs, tmp_path, request):
    """It imports NumPy, OpenCV, Pillow and ONNX Runtime alone."""
    folder = request.getfixturevalue(model)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (80, 60, 3), np.uint8)
    mask = np.zeros((80, 60), np.uint8)
    mask[20:60, 20:40] = 255
    files = {kind: tmp_path / f'{kind}.png' for kind in 'imt'}
    cv2.imwrite(str(files['i']), image)
    cv2.imwrite(str(files['m']), mask)
    cv2.imwrite(str(files['t']), image[:64, :32])
    paths = [files[kind] for kind in inputs]
    done = subprocess.run(
        [sys.executable, '-c', CODE, folder, *paths, tmp_path / 'out'],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    numbers, others = done.stdout.splitlines()
    items, skipped = map(int, numbers.split())
    assert items > 0
    assert skipped == 1
    assert others == '[]'
    assert 'none.jpg' in done.stderr  # the one line of the skipped input


def test_is_on_the_cpu(exported):
    class Any(LiteInferencer):
        system = 'match_rcnn'
        _predict = _to_prediction = _draw = None

    infer = Any(exported)
    assert infer.device == 'cpu'
    assert infer.model is infer.graphs
    with pytest.raises(ValueError, match='batch_size must be 1 or more'):
        Any(exported, batch_size=0)

# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The contract that all four inferencers share."""

import gc
import io
import json
import weakref

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmfashion_ext.errors import UserError
from mmfashion_ext.inferencer import Inferencer
from mmfashion_ext.utils.image_inputs import number_of_inputs, resolve_images

IMAGE = np.full((8, 10, 3), 100, np.uint8)


class Brightness(Inferencer):
    """Predicts the mean of an image; fails on those of 7 rows."""

    def __init__(self, **kwargs):
        model = torch.nn.Linear(1, 1)
        model.cfg = {}
        super().__init__(model, **kwargs)
        self.batches = []

    def __call__(self, inputs, *, scale=1, **kwargs):
        items = resolve_images(inputs, videos=True)
        total = number_of_inputs(inputs)
        options = {'scale': scale}
        return self._run(items, total=total, options=options, **kwargs)

    def _predict(self, loaded, options):
        self.batches.append(len(loaded))
        if any(len(image) == 7 for image in loaded):
            raise RuntimeError('out of memory\n(of this GPU)')
        return [image.mean() * options['scale'] for image in loaded]

    def _to_prediction(self, sample):
        return {'scores': np.array([sample])}

    def _draw(self, loaded, sample, options):
        return loaded


@pytest.fixture
def infer():
    return Brightness(show_progress=False, batch_size=2)


def scores(result):
    return [float(p['scores'][0]) for p in result['predictions']]


def test_one_prediction_for_each_input_in_order(infer, tmp_path):
    cv2.imwrite(str(tmp_path / 'x.png'), IMAGE)
    result = infer([IMAGE, tmp_path, IMAGE * 2, io.BytesIO()][:3], scale=2)
    assert scores(result) == [200, 200, 400]
    assert [p['name'] for p in result['predictions']] == [
        'image',
        'x',
        'image_2',
    ]
    assert result['predictions'][1]['input'] == str(tmp_path / 'x.png')
    assert result['skipped'] == []
    assert infer.batches == [2, 1]
    assert 'visualization' not in result['predictions'][0]
    empty = infer([])
    assert empty == {'predictions': [], 'skipped': []}


def test_bad_inputs_of_many_are_skipped_and_named(
    infer, tmp_path, monkeypatch
):
    reports = []
    monkeypatch.setattr(
        'mmfashion_ext.inferencer.print_log',
        lambda message, **_: reports.append(message),
    )
    (tmp_path / 'bad.jpg').write_text('text')
    inputs = [IMAGE, tmp_path / 'bad.jpg', IMAGE[:7], None, IMAGE * 2]
    result = infer(inputs, out_dir=tmp_path / 'out')
    assert scores(result) == [100, 200]
    assert [entry['input'] for entry in result['skipped']] == [
        str(tmp_path / 'bad.jpg'),
        'image_2',
        'image_3',
    ]
    reasons = [entry['reason'] for entry in result['skipped']]
    assert reasons[0].startswith('cannot be read as an image')
    assert reasons[1] == 'RuntimeError: out of memory (of this GPU)'
    assert 'got NoneType' in reasons[2]
    (report,) = reports
    assert '3 of the inputs skipped' in report
    assert 'bad.jpg' in report
    written = json.loads((tmp_path / 'out/results.json').read_text())
    assert written['skipped'] == result['skipped']
    assert [p['name'] for p in written['predictions']] == ['image', 'image_4']


def test_what_all_inputs_need_is_prepared_once_per_call(infer):
    calls = []

    def prepare(options, skipped):
        calls.append(options)
        skipped.append({'input': 'gallery', 'reason': 'empty'})
        return options | {'scale': 3}

    infer._prepare = prepare
    result = infer([IMAGE] * 3)
    assert scores(result) == [300] * 3
    assert result['skipped'] == [{'input': 'gallery', 'reason': 'empty'}]
    stream = infer(IMAGE, stream=True)
    assert calls == [{'scale': 1}]  # nothing is done before it is asked for
    next(stream)
    assert calls == [{'scale': 1}] * 2


def test_a_batch_that_fails_is_tried_one_by_one(infer):
    """A single input too large for memory does not cost its neighbours."""
    result = infer([IMAGE, IMAGE[:7], IMAGE])
    assert scores(result) == [100, 100]
    assert infer.batches == [2, 1, 1, 1]


@pytest.mark.fault(27)
@pytest.mark.parametrize('step', ['_load', '_predict', '_draw'])
@pytest.mark.parametrize(
    'error', [cv2.error('size.width > 0'), MemoryError(), KeyError('x')]
)
def test_any_error_in_one_input_leaves_the_others(
    infer, tmp_path, monkeypatch, step, error
):
    real = getattr(infer, step)

    def fail(first, *args):
        seen = first[0] if step == '_predict' else first
        seen = seen.source if step == '_load' else seen
        if len(seen) == 6:
            raise error
        return real(first, *args)

    monkeypatch.setattr(infer, step, fail)
    infer.batch_size = 1
    inputs = [IMAGE, IMAGE[:6], IMAGE]
    result = infer(inputs, out_dir=tmp_path)
    assert scores(result) == [100, 100]
    (entry,) = result['skipped']
    assert entry['input'] == 'image_2'
    name = 'error' if isinstance(error, cv2.error) else type(error).__name__
    assert entry['reason'].startswith(f'{name}: ')
    written = json.loads((tmp_path / 'results.json').read_text())
    assert [p['name'] for p in written['predictions']] == ['image', 'image_3']
    assert written['skipped'] == result['skipped']
    with pytest.raises(type(error)):  # the only input
        infer(inputs[1], draw=True)


@pytest.mark.fault(27)
def test_an_interrupt_ends_the_run_and_lists_what_is_done(infer, tmp_path):
    calls = []

    def predict(loaded, options):
        calls.append(loaded)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return [image.mean() for image in loaded]

    infer._predict = predict
    with pytest.raises(KeyboardInterrupt):
        infer([IMAGE] * 5, out_dir=tmp_path)
    written = json.loads((tmp_path / 'results.json').read_text())
    assert len(written['predictions']) == 2


def test_a_single_bad_input_raises(infer, tmp_path):
    with pytest.raises(UserError, match='no such file'):
        infer('missing.jpg')
    with pytest.raises(UserError, match=r'missing\.mp4: no such file'):
        infer(['missing.mp4'])
    with pytest.raises(RuntimeError, match='out of memory'):
        infer(IMAGE[:7])
    (tmp_path / 'empty').mkdir()
    with pytest.raises(UserError, match='no images in this folder'):
        infer(tmp_path / 'empty')


def test_stream_computes_what_is_asked_for(infer):
    def endless():
        while True:
            yield IMAGE
            yield None

    stream = infer(endless(), stream=True)
    assert infer.batches == []
    assert next(stream)['scores'] == [100]
    assert stream.skipped == []
    assert next(stream)['name'] == 'image_3'
    assert [entry['input'] for entry in stream.skipped] == ['image_2']
    assert infer.batches == [1, 1]
    stream.close()


def test_draw_and_out_dir(infer, tmp_path):
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / 'x.png'), IMAGE)
    inputs = [tmp_path / 'a/x.png', tmp_path / 'b/x.png']
    result = infer(inputs, draw=True, out_dir=tmp_path / 'out')
    for prediction in result['predictions']:
        np.testing.assert_array_equal(prediction['visualization'], IMAGE)
    written = json.loads((tmp_path / 'out/results.json').read_text())
    assert [entry['name'] for entry in written['predictions']] == ['x', 'x_2']
    for entry in written['predictions']:
        assert (tmp_path / 'out' / entry['visualization']).is_file()
        text = (tmp_path / 'out' / entry['prediction']).read_text()
        assert json.loads(text)['scores'] == [100]


def test_frames_of_a_video(infer, tmp_path):
    path = str(tmp_path / 'clip.avi')
    writer = cv2.VideoWriter(
        path, cv2.VideoWriter_fourcc(*'MJPG'), 10, (32, 16)
    )
    for _ in range(3):
        writer.write(np.full((16, 32, 3), 60, np.uint8))
    writer.release()
    result = infer(path, out_dir=tmp_path / 'out')
    assert [p['frame_id'] for p in result['predictions']] == [0, 1, 2]
    assert {p['name'] for p in result['predictions']} == {'clip'}
    assert (tmp_path / 'out/visualizations/clip.mp4').is_file()
    frames = json.loads((tmp_path / 'out/predictions/clip.json').read_text())
    assert [frame['frame_id'] for frame in frames] == [0, 1, 2]


def test_return_datasamples_gives_the_hosts_samples(infer):
    result = infer([IMAGE], return_datasamples=True)
    assert result['predictions'] == [100]


def test_show_without_a_display_is_one_line(infer, monkeypatch):
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    with pytest.raises(UserError, match='show=True needs a display'):
        infer(IMAGE, show=True)
    assert infer.batches == []


def test_show_opens_a_window_for_each(infer, monkeypatch):
    shown = []
    module = 'mmfashion_ext.inferencer'
    monkeypatch.setattr(f'{module}.check_display', lambda: None)
    monkeypatch.setattr(
        f'{module}.show_image', lambda image, title: shown.append(title)
    )
    infer([IMAGE, IMAGE], show=True)
    assert shown == ['image', 'image_2']


def test_wrong_arguments():
    with pytest.raises(UserError, match='batch_size must be 1 or more'):
        Brightness(batch_size=0)
    with pytest.raises(UserError, match='a model that is built already'):
        Brightness(weights='x.pth')


def test_pillow_images_keep_their_files_names(infer, tmp_path):
    Image.fromarray(IMAGE).save(tmp_path / 'photo.png')
    with Image.open(tmp_path / 'photo.png') as opened:
        result = infer([opened, Image.fromarray(IMAGE)])
    assert [p['name'] for p in result['predictions']] == ['photo', 'image']


class Activation:
    """What a network holds while it runs."""


@pytest.mark.parametrize('batch_size', [1, 2])
def test_errors_hold_no_tensors(batch_size, capsys):
    """Of several inputs: what is left of an error is its message."""
    alive = []

    class Failing(Brightness):
        def _predict(self, loaded, options):
            assert not any(ref() for ref in alive)
            activation = Activation()
            alive.append(weakref.ref(activation))
            raise RuntimeError('out of memory')

    infer = Failing(show_progress=False, batch_size=batch_size)
    gc.disable()  # nothing has to wait for it
    try:
        assert len(infer([IMAGE] * 4)['skipped']) == 4
        assert not any(ref() for ref in alive)
        with pytest.raises(RuntimeError, match='out of memory'):
            infer(IMAGE)
        assert not any(ref() for ref in alive)
    finally:
        gc.enable()


def test_results_are_listed_if_a_run_is_broken_off(infer, tmp_path):
    def inputs():
        yield IMAGE
        yield IMAGE[:7]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        infer(inputs(), out_dir=tmp_path)
    written = json.loads((tmp_path / 'results.json').read_text())
    assert [entry['name'] for entry in written['predictions']] == ['image']
    assert [entry['input'] for entry in written['skipped']] == ['image_2']


def test_details_of_an_input_are_said_everywhere(infer, tmp_path):
    inputs = [
        item._replace(details={'shop': item.name.upper()})
        for item in resolve_images([IMAGE, None])
    ]
    result = infer._run(inputs, options={'scale': 1}, out_dir=tmp_path)
    assert result['predictions'][0]['shop'] == 'IMAGE'
    assert result['skipped'][0]['shop'] == 'IMAGE_2'
    written = json.loads((tmp_path / 'results.json').read_text())
    assert written['predictions'][0]['shop'] == 'IMAGE'

# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Items, order and contact sheet of one call; see also test_inferencer."""

import numpy as np
import pytest

pytest.importorskip('mmengine')
from mmfashion_ext.tryon.inference.call import TryOnCall, new_sheet
from mmfashion_ext.tryon.inference.inputs import resolve_pairs, stream_pairs
from mmfashion_ext.tryon.inference.results import TryOnImages
from mmfashion_ext.tryon.inference.session import TryOnSession
from mmfashion_ext.utils.image_grid import CAPTION


@pytest.fixture
def make_call(infer):
    def make_call(request, **kwargs):
        session = TryOnSession(infer.fast, infer.model.data_preprocessor)
        return TryOnCall(session, request, **kwargs)

    return make_call


def test_items_name_both_inputs(make_call, shop):
    request = resolve_pairs(*shop.folders, grid=True)
    item = next(make_call(request).items())
    person, cloth, _ = shop.files(0, 0)
    assert item.input == f'{person} + {cloth}'
    assert item.name == 'perso0__cloth0'
    assert item.details == {'person': str(person), 'cloth': str(cloth)}
    assert item.frame_id is None


def test_run_keeps_what_is_done(make_call, shop):
    request = resolve_pairs(*shop.folders, grid=True)
    call = make_call(request, sheet=new_sheet(request))
    items = list(call.items())[:2]
    loaded = [call.load(item, item.source[1]) for item in items]
    done = TryOnImages(np.zeros((4, 4, 3), np.uint8))
    images = call.run([loaded[0], done, loaded[1]])
    assert images[1] is done
    assert images[0].try_on.shape == images[2].try_on.shape == (64, 40, 3)
    sheet = call.draw_sheet(call.sheet)
    assert sheet.shape == (CAPTION + 4 * (64 + CAPTION), 5 * 40, 3)
    top = CAPTION + 64 + CAPTION  # of the first row of try-ons
    row = sheet[top : top + 64]
    np.testing.assert_array_equal(row[:, 40:80], images[0].try_on)
    np.testing.assert_array_equal(row[:, 80:120], images[2].try_on)
    assert (row[:, 120:] == 200).mean() > 0.5  # marked: not run


def test_results_are_sorted_as_wanted(make_call):
    request = resolve_pairs(['a', 'b'], ['x', 'y'], grid=True)
    call = make_call(request)
    entries = [{'name': f'{n[0]}__{n[1]}'} for n in ('by', 'ax', 'bx', 'ay')]
    skipped = [{'input': 'b + x'}, {'input': 'a + y'}]
    result = call.complete({'predictions': entries, 'skipped': skipped})
    assert [entry['name'] for entry in result['predictions']] == [
        *('a__x', 'a__y', 'b__x', 'b__y')
    ]
    assert [entry['input'] for entry in skipped] == ['a + y', 'b + x']
    assert 'grid' not in result
    # of a generator nothing is known in advance
    call = make_call(stream_pairs(iter('ab'), 'x'))
    unsorted = [{'name': 'b__x'}, {'name': 'a__x'}]
    call.sort(unsorted, 'name')
    assert unsorted[0]['name'] == 'b__x'

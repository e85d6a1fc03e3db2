# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The GPU on paper, small datasets of all systems, and their configs."""

import pytest

from mmfashion_ext import synthetic

from ..test_synthetic.test_tryon_photos.conftest import write_roots


@pytest.fixture
def gpu(monkeypatch):
    """Within a test the hosts find a GPU; the device."""
    # not above: what is not there skips the files of tests, not this one
    import torch
    from yapf.yapflib import yapf_api

    from . import paper_amp, paper_gpu

    assert paper_amp.NAME == paper_gpu.NAME
    paper_gpu.install(monkeypatch)
    torch.set_num_threads(1)
    # a config in a log is for reading, formatting it is slow
    monkeypatch.setattr(yapf_api, 'FormatCode', lambda text, **_: (text, True))
    with paper_gpu.PaperGPU():
        yield paper_gpu.GPU


@pytest.fixture(scope='session')
def deepfashion2(tmp_path_factory, run_tool):
    """Two images to train on and two to validate on, of one garment."""
    root = tmp_path_factory.mktemp('paper') / 'deepfashion2'
    synthetic.generate_deepfashion2(
        root, num=2, val=2, size=96, progress=False
    )
    for split in ('train', 'validation'):
        run_tool(
            *('tools/dataset_converters/deepfashion2.py', root / split),
            *('--out', root / 'annotations' / f'{split}.json'),
        )
    from .small_configs import adapt_annotations

    adapt_annotations(root)
    return root


@pytest.fixture(scope='session')
def fld(tmp_path_factory, run_tool):
    """Some images of each type of clothes, 64 px."""
    root = tmp_path_factory.mktemp('paper') / 'fld'
    synthetic.generate_fld(
        root, num=12, val=6, test=0, seed=2, size=64, progress=False
    )
    for split in ('train', 'val'):
        for subset in ('upper', 'lower', 'full'):
            name = f'annotations/fld_{subset}_{split}.json'
            run_tool(
                *('tools/dataset_converters/fld.py', root),
                *('--split', split, '--subset', subset),
                *('--out', root / name),
            )
    return root


@pytest.fixture(scope='session')
def video_reid(tmp_path_factory, run_tool):
    """Four persons in two cameras."""
    root = tmp_path_factory.mktemp('paper') / 'reid'
    synthetic.generate_video_reid(
        root, num=4, size=32, frames=(10, 11), progress=False
    )
    run_tool(
        *('tools/dataset_converters/video_reid.py', 'ilids-vid'),
        *(root / 'raw', '--out', root, '--flow', 'dis'),
    )
    return root


@pytest.fixture(scope='session')
def viton(tmp_path_factory):
    """Two people to train on and two to test, 64 x 48 px."""
    root = tmp_path_factory.mktemp('paper') / 'viton'
    synthetic.generate_viton(root, num=2, test=2, size=64, progress=False)
    return root


@pytest.fixture(scope='session')
def photos(tmp_path_factory):
    """Pairs made of drawn photographs."""
    root = tmp_path_factory.mktemp('paper')
    people, garments = write_roots(root)
    out = root / 'photos'
    synthetic.generate_tryon_photos(
        out, people=people, garments=garments, num=2, val=1
    )
    return out


@pytest.fixture
def small(request, tmp_path):
    """A function: the small config of a name."""
    from . import small_configs

    def build(name, folder='run'):
        stem = name.partition('_')[0]
        system = small_configs.system_of(name)
        needed = {
            'match_rcnn': ['deepfashion2'],
            'landmark': ['fld' if 'fld-' in name else 'deepfashion2'],
            'scan': ['video_reid'],
            'tryon': ['viton'],
        }[system]
        if stem == 'pf-afn-mobile' and 'ccp' in name:
            needed.append('photos')
        data = small_configs.Data(
            **{kind: request.getfixturevalue(kind) for kind in needed}
        )
        return small_configs.small_config(name, data, tmp_path / folder)

    return build

# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json
import runpy
import shutil
from pathlib import Path

import pytest

from mmfashion_ext.formats.video_reid.layout import VideoReID
from mmfashion_ext.synthetic import generate_video_reid
from mmfashion_ext.utils.cli import run_tool

TOOL = Path(__file__).parents[2] / 'tools/dataset_converters/video_reid.py'


@pytest.fixture(scope='module')
def main():
    """The tool as a function of its arguments that returns its status."""
    tool = runpy.run_path(str(TOOL))['main']

    def run(*argv):
        arguments = [str(arg) for arg in argv]
        with pytest.raises(SystemExit) as end:
            run_tool(lambda: tool([*arguments, '--jobs', '1']))
        return end.value.code or 0

    return run


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp('data') / 'reid'
    make = {'num': 4, 'size': 32, 'frames': (2, 4), 'progress': False}
    return generate_video_reid(out, **make)


@pytest.fixture
def raw(made, tmp_path):
    return Path(shutil.copytree(made / 'raw', tmp_path / 'raw'))


def test_converts_and_checks(main, raw, tmp_path, capsys):
    out = tmp_path / 'toy'
    assert main('ilids-vid', raw, '--out', out, '--check') == 0
    printed = capsys.readouterr().out
    assert 'iLIDS-sequence: 4 persons, 8 tracklets of 2 to 4' in printed
    assert '2 cameras, 10 splits' in printed
    assert 'note: 4 persons, published are 300' in printed
    assert 'defects: 0' in printed
    data = VideoReID.read(out / 'meta.json', out / 'splits.json')
    assert len(data.splits) == 10
    names = {
        file
        for role in ('train', 'query', 'gallery')
        for tracklet in data.tracklets(0, role)
        for file in tracklet.files
    }
    for folder in ('images', 'others'):
        assert {path.name for path in (out / folder).iterdir()} == names
    flow = json.loads((out / 'flow.json').read_text())
    assert flow == {'method': 'farneback', 'bound': 16.0}


def test_without_out_it_only_checks(main, raw, capsys):
    assert main('ilids-vid', raw) == 0
    assert 'defects: 0' in capsys.readouterr().out
    frame = min(raw.rglob('*.png'))
    frame.write_bytes(frame.read_bytes()[:99])
    assert main('ilids-vid', raw) == 2
    out, err = capsys.readouterr()
    assert f'{frame}: cannot be read as an image' in out
    assert err.startswith('error: 1 defects in')
    assert err.count('\n') == 1


def test_given_flow_or_none(main, raw, tmp_path, capsys):
    out = tmp_path / 'toy'
    assert main('ilids-vid', raw, '--out', out, '--flow', 'given') == 2
    assert 'neither optical_flow/ nor optical_flow.tar' in (
        capsys.readouterr().err
    )
    assert main('ilids-vid', raw, '--out', out, '--flow', 'none') == 0
    assert not (out / 'others').exists()
    shutil.copytree(
        raw / 'iLIDS-VID/i-LIDS-VID/sequences',
        raw / 'optical_flow/optical_flow',
    )
    assert main('ilids-vid', raw, '--out', out, '--flow', 'given') == 0
    assert len(list((out / 'others').iterdir())) == (
        len(list((out / 'images').iterdir()))
    )


def test_bad_frames_stop_it(main, raw, tmp_path, capsys):
    frame = min(raw.rglob('*.png'))
    frame.write_bytes(frame.read_bytes()[:99])
    assert main('ilids-vid', raw, '--out', tmp_path / 'toy') == 2
    err = capsys.readouterr().err
    assert '00000000_00_0000.png: cannot be read as an image' in err
    assert err.count('\n') == 1
    assert not (tmp_path / 'toy/meta.json').exists()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('mars', '{raw}', '--flow', 'given'), 'no flow maps of MARS'),
        (('mars', '{raw}'), 'neither bbox_train/ nor bbox_train.zip'),
        (('prid2011', '{raw}'), 'neither prid_2011/ nor prid_2011.zip'),
        (('ilids-vid', '{raw}/none'), 'none is not a folder'),
        (('ilids-vid', '{raw}', '--flow-bound', '0'), 'must be above 0'),
    ],
)
def test_wrong_usage(main, raw, arguments, message, capsys):
    assert main(*(text.format(raw=raw) for text in arguments)) == 2
    assert message in capsys.readouterr().err

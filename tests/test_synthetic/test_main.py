# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import subprocess
import sys

import cv2
import numpy as np
import pytest

from mmfashion_ext.synthetic.__main__ import main
from mmfashion_ext.synthetic.deepfashion2.sheet import contact_sheet


def test_writes_data_and_sheet(tmp_path, capsys):
    out, sheet = tmp_path / 'df2', tmp_path / 'sheet.png'
    arguments = ['deepfashion2', str(out), '--num', '5', '--size', '96']
    assert main([*arguments, '--sheet', str(sheet)]) == 0
    assert len(list((out / 'train' / 'image').iterdir())) == 5
    assert len(list((out / 'validation' / 'annos').iterdir())) == 1  # num // 4
    assert str(sheet) in capsys.readouterr().out
    drawn = cv2.imread(str(sheet))
    contact_sheet(out / 'train', tmp_path / 'plain.jpg', plain=True)
    plain = cv2.imread(str(tmp_path / 'plain.jpg'))
    assert drawn.shape == plain.shape
    assert np.abs(drawn.astype(int) - plain).mean() > 3


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['{tmp}/full'], 'is not empty'),
        (['{tmp}/full', '--overwrite'], "holds 'a.txt'"),
        (['{tmp}/new', '--num', '0'], 'num must be at least 1, got 0'),
        (['{tmp}/new', '--num', 'x'], "invalid int value: 'x'"),
        (['{tmp}/new', '--sheet', 'a.txt'], 'must end in .jpg or .png'),
        (['{tmp}/new', '--sheet', '{tmp}/no/a.png'], 'does not exist'),
        (['{tmp}/full/a.txt/new'], 'cannot be created'),
        ([], 'arguments are required: out'),
    ],
)
def test_errors_are_one_line(tmp_path, capsys, arguments, message):
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'a.txt').write_text('')
    arguments = [text.format(tmp=tmp_path) for text in arguments]
    try:
        status = main(['deepfashion2', *arguments])
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2
    printed = capsys.readouterr().err
    assert printed.count('\n') == 1
    assert message in printed
    assert sorted(p.name for p in tmp_path.iterdir()) == ['full']


def test_needs_neither_torch_nor_openmmlab():
    blocked = ('torch', 'mmcv', 'mmengine', 'mmdet')
    code = (
        'import sys; '
        f'sys.modules.update(dict.fromkeys({blocked!r})); '
        'import mmfashion_ext.synthetic.__main__'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


@pytest.mark.fault(28)
@pytest.mark.parametrize('family', ['deepfashion2', 'fld', 'video-reid'])
def test_ctrl_c_is_one_line_and_leaves_nothing(
    tmp_path, capsys, monkeypatch, family
):
    def interrupt(*args, **kwargs):
        assert len(list(tmp_path.iterdir())) == 1, 'a folder being filled'
        raise KeyboardInterrupt

    monkeypatch.setattr(cv2, 'imencode', interrupt)
    options = ['--num', '2', '--size', '64']
    assert main([family, str(tmp_path / 'out'), *options]) == 130
    printed = capsys.readouterr().err
    assert printed == 'python -m mmfashion_ext.synthetic: stopped\n'
    assert not list(tmp_path.iterdir())

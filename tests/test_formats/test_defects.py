# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from mmfashion_ext.formats.defects import (
    ConvertedImage,
    Defect,
    print_defects,
)

FATAL = Defect('1.json', 'item2', 'has style -1', 'correct it')
NOTE = Defect('2.jpg', '', 'is grey', 'kept as it is', fatal=False)


def test_a_defect_is_one_line():
    assert str(FATAL) == '1.json item2: has style -1; correct it'
    assert str(NOTE) == '2.jpg: note: is grey; kept as it is'


def test_images_do_not_share_their_lists():
    first = ConvertedImage()
    first.defects.append(NOTE)
    assert ConvertedImage() == ConvertedImage(None, [], [])


def test_all_are_printed_after_the_report(capsys):
    print_defects([FATAL, NOTE], 'images 2')
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        'images 2',
        'defects: 1, notes: 1',
        str(FATAL),
        str(NOTE),
    ]
    assert err == ''


def test_without_a_report_the_first_fatal_ones_go_to_stderr(capsys):
    print_defects([FATAL] * 22 + [NOTE], None)
    out, err = capsys.readouterr()
    assert out == ''
    assert err.splitlines() == [
        *[str(FATAL)] * 20,
        '... and 2 more; --check lists them all',
    ]
    print_defects([NOTE], None)
    assert capsys.readouterr() == ('', '')

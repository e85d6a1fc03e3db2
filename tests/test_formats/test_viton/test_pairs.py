# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.formats.viton.pairs import TryOnFiles


def read(root, layout='viton', split='train'):
    return TryOnFiles(root, layout, split)


def refused(call, match):
    with pytest.raises(UserError, match=match) as error:
        call()
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('split', ['train', 'test'])
@pytest.mark.parametrize('layout', ['viton', 'viton-hd', 'folder'])
def test_all_files_of_all_layouts(write_viton, layout, split):
    root = write_viton(layout, split)
    files = read(root, layout, split)
    for pairs in (files.pairs_by_name(), files.pairs_by_rank()):
        assert len(pairs) == 4
        for number, pair in enumerate(pairs):
            for kind in files.layout.folders:
                path = files.find(kind, pair)
                assert path.is_file()
                assert f'{number:05d}_' in path.name
    # the folder of the folders will do as the root
    inside = read(files.base, layout, split)
    names = [pair[:2] for pair in pairs]
    assert [pair[:2] for pair in inside.pairs_by_name()] == names


def test_unknown_layouts_and_empty_roots(tmp_path):
    with pytest.raises(ValueError, match=r"layout must be one of .*'vton'"):
        read(tmp_path, 'vton').pairs_by_name()
    refused(
        read(tmp_path).pairs_by_name,
        r'VITON_traindata/train_img does not exist: expected the folders '
        'train_img, train_color, train_edge',
    )
    (tmp_path / 'train_img').mkdir()
    refused(read(tmp_path).pairs_by_name, 'train_img has no image')
    refused(read(tmp_path).pairs_by_rank, 'train_img 0, train_color 0')


def test_names_count_and_their_endings_do_not(write_viton):
    root = write_viton()
    files = read(root)
    (files.folder('cloth') / '000002_1.jpg').rename(
        files.folder('cloth') / '000002_1.PNG'
    )
    for name in ('.DS_Store', 'Thumbs.db', '._000001_0.jpg', 'notes.txt'):
        (files.folder('person') / name).touch()
    (files.folder('cloth') / '000009_1.jpg').touch()
    pairs = read(root).pairs_by_name()
    assert pairs[2][:3] == ('000002_0.jpg', '000002_1.PNG', {})
    assert len(pairs) == 4


def test_a_person_without_garment_is_named(write_viton):
    root = write_viton()
    for number in (1, 3):
        (read(root).folder('cloth') / f'00000{number}_1.jpg').unlink()
    refused(
        read(root).pairs_by_name,
        'train_color lacks the clothes of 2 of 4 persons, 000001_0.jpg, '
        '000003_0.jpg: expected such as 000001_1.jpg',
    )


def test_two_files_of_one_name_are_refused(write_viton):
    root = write_viton()
    (read(root).folder('cloth') / '000001_1.png').touch()
    refused(
        read(root).pairs_by_name, r'has 000001_1\.jpg and 000001_1\.png: exp'
    )


@pytest.mark.parametrize('name', ['Thumbs.db', '.DS_Store', 'a.txt'])
@pytest.mark.parametrize('kind', ['person', 'cloth', 'cloth_mask', 'parse'])
def test_a_stray_file_breaks_pairs_by_rank(write_viton, kind, name):
    root = write_viton()
    folder = read(root).folder(kind)
    (folder / name).touch()
    refused(
        read(root).pairs_by_rank,
        rf'{folder.name} 5.* without counterpart: {folder.name}/{name};',
    )


def test_a_file_too_few_breaks_pairs_by_rank(write_viton):
    root = write_viton()
    (read(root).folder('parse') / '000002_0.png').unlink()
    refused(
        read(root).pairs_by_rank,
        'train_img 4, train_color 4, train_edge 4, train_label 3; without '
        'counterpart: train_img/000002_0.jpg, train_color/000002_1.jpg, '
        'train_edge/000002_1.jpg; remove',
    )


def test_rank_does_not_look_at_names(write_viton):
    root = write_viton()
    files = read(root)
    for kind in ('cloth', 'cloth_mask'):
        for path in sorted(files.folder(kind).iterdir()):
            path.rename(path.with_name(f'dress{path.name}'))
    pairs = read(root).pairs_by_rank()
    assert [pair.cloth[5:9] for pair in pairs] == ['0000'] * 4
    files = read(root)
    for number, pair in enumerate(pairs):
        stem = f'00000{number}'
        assert files.find('cloth_mask', pair).name == f'dress{stem}_1.jpg'
        assert files.find('parse', pair).name == f'{stem}_0.png'
        pose = f'{stem}_0_keypoints.json'
        assert files.find('pose', pair).name == pose


def test_files_that_are_missing(write_viton):
    root = write_viton(without=('parse', 'flow'))
    files = read(root)
    pair = files.pairs_by_name()[1]
    assert files.find('parse', pair) is None
    (files.folder('pose') / '000001_0_keypoints.json').unlink()
    assert read(root).find('pose', pair) is None
    assert files.listing('parse') == []


def test_pairs_files(write_viton):
    root = write_viton(split='test')
    files = read(root, split='test')
    assert files.pairs_file() is None
    refused(lambda: files.pairs_file('demo.txt'), 'demo.txt: no such file')
    (root / 'demo.txt').write_text('')
    (files.base / 'test_pairs.txt').write_text('')
    assert files.pairs_file() == files.base / 'test_pairs.txt'
    assert files.pairs_file('demo.txt') == root / 'demo.txt'
    (root / 'test_pairs.txt').write_text('')
    assert files.pairs_file() == root / 'test_pairs.txt'


def test_pairs_of_a_file(write_viton):
    root = write_viton(split='test')
    path = root / 'test_pairs.txt'
    path.write_text(
        '000000_0.jpg 000003_1.jpg\n\n000001_0.jpg\t000000_1.jpg \r\n'
        '000000_0.jpg 000001_1.jpg'
    )
    files = read(root, split='test')
    pairs = files.read_pairs(path)
    assert [pair[:2] for pair in pairs] == [
        ('000000_0.jpg', '000003_1.jpg'),
        ('000001_0.jpg', '000000_1.jpg'),
        ('000000_0.jpg', '000001_1.jpg'),
    ]
    mask = files.find('cloth_mask', pairs[0])
    assert mask == files.base / 'test_edge/000003_1.jpg'
    path.write_text('000000_0.jpg 7_1.jpg\n000009_0.jpg 8_1.jpg\n')
    refused(
        lambda: files.read_pairs(path), r'names 1 .*test_img lacks: 000009_0'
    )
    path.write_text('000000_0.jpg 7_1.jpg\n000001_0.jpg 8_1.jpg\n')
    refused(
        lambda: files.read_pairs(path), r'names 2 .*lacks: 7_1\.jpg, 8_1\.jpg'
    )


class TestDressCode:
    """Persons and garments of a class lie in one folder, all splits too."""

    def test_all_files(self, write_viton):
        root = write_viton('dresscode')
        files = read(root, 'dresscode')
        pairs = files.pairs_by_name()
        assert [pair.person for pair in pairs] == [
            f'00000{n}_0.jpg' for n in range(4)
        ]
        assert files.labels == 'atr'
        found = {k: files.find(k, pairs[2]) for k in files.layout.folders}
        assert {
            k: str(path.relative_to(root)) for k, path in found.items()
        } == {
            'person': 'upper_body/images/000002_0.jpg',
            'cloth': 'upper_body/images/000002_1.jpg',
            'cloth_mask': 'upper_body/masks/000002_1.png',
            'parse': 'upper_body/label_maps/000002_4.png',
            'pose': 'upper_body/keypoints/000002_2.json',
            'densepose': 'upper_body/dense/000002_5.png',
            'flow': 'upper_body/flows/000002_0.npz',
        }
        # the folder of a class will do as the root
        inside = read(root / 'upper_body', 'dresscode')
        assert inside.pairs_by_name() == pairs

    def test_a_split_is_what_its_file_lists(self, write_viton):
        root = write_viton('dresscode')
        path = root / 'upper_body/train_pairs.txt'
        path.write_text('000003_0.jpg 000003_1.jpg\n')
        pairs = read(root, 'dresscode').pairs_by_name()
        assert [pair[:2] for pair in pairs] == [
            ('000003_0.jpg', '000003_1.jpg')
        ]
        path.unlink()
        refused(
            read(root, 'dresscode').pairs_by_name,
            'train_pairs.txt does not exist: layout .dresscode. lists the per',
        )
        refused(read(root, 'dresscode').pairs_by_rank, "use pairing='name'")

    def test_the_file_of_all_classes(self, write_viton):
        """Of the file in the root each class reads its own lines."""
        root = write_viton('dresscode', 'test')
        (root / 'test_pairs_unpaired.txt').write_text(
            '000000_0.jpg\t000001_1.jpg\t0\n000007_0.jpg\t000008_1.jpg\t1\n'
        )
        files = read(root, 'dresscode', 'test')
        pairs = files.read_pairs(files.pairs_file())
        assert pairs == [('000000_0.jpg', '000001_1.jpg', {}, 'upper_body')]
        own = root / 'upper_body/test_pairs_unpaired.txt'
        own.write_text('000002_0.jpg 000003_1.jpg\n')
        assert files.pairs_file() == own


def test_classes_of_a_folder_are_in_its_file_of_pairs(write_viton):
    root = write_viton('folder')
    (root / 'pairs.txt').write_text('00000_00.jpg 00001_00.jpg lower_body\n')
    files = read(root, 'folder')
    listed = files.read_pairs(files.pairs_file())
    assert [pair.cloth_class for pair in listed] == ['lower_body']
    worn = [pair.cloth_class for pair in files.pairs_by_name()]
    assert worn == ['upper_body', 'lower_body', 'upper_body', 'upper_body']

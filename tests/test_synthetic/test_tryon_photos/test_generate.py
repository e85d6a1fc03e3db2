# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
import json
import shutil

import numpy as np
import pytest

from mmfashion_ext.errors import UserError
from mmfashion_ext.synthetic import generate_tryon_photos
from mmfashion_ext.synthetic.__main__ import main
from mmfashion_ext.synthetic.tryon_photos import cache


def content(out):
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def test_splits_have_other_people_and_garments(pairs):
    found = cache.read_pairs(pairs)
    assert [pair.split for pair in found].count('train') == 2
    for pair in found:
        assert (pair.person == '0004') == (pair.split == 'validation')
        assert pair.worn.garment.startswith(pair.split)
        if pair.other is not None:
            assert pair.other.garment.startswith(pair.split)
        assert pair.kind == 'upper'
        assert pair.known > 0.8


def test_every_attempt_is_logged(pairs):
    attempts = list(cache.read_lines(pairs / cache.ATTEMPTS))
    passed = [line for line in attempts if not line['problem']]
    assert len(passed) == len(cache.read_pairs(pairs))
    trousers = [line for line in attempts if line['kind'] == 'trousers']
    # there are no flat trousers
    assert {line['problem'] for line in trousers} == {
        'no garment to choose from'
    }


def test_an_interrupted_run_continues_as_if_it_had_not_been(
    pairs, roots, tmp_path
):
    """Also after a pair was written and its attempt was not."""
    out = tmp_path / 'again'
    shutil.copytree(pairs, out)
    attempts = (out / cache.ATTEMPTS).read_bytes().splitlines(keepends=True)
    passed = [i for i, a in enumerate(attempts) if b'"problem":""' in a]
    (out / cache.ATTEMPTS).write_bytes(
        b''.join(attempts[: passed[-1]]) + attempts[passed[-1]][:9]
    )
    people, garments = roots
    generate_tryon_photos(out, people=people, garments=garments, num=2, val=1)
    assert content(out) == content(pairs)


def test_another_seed_is_another_cache(pairs, roots, tmp_path):
    people, garments = roots
    with pytest.raises(UserError, match='made with another seed'):
        generate_tryon_photos(
            pairs, people=people, garments=garments, num=2, val=1, seed=1
        )
    out = tmp_path / 'other'
    generate_tryon_photos(
        out, people=people, garments=garments, num=1, val=0, seed=1
    )
    assert (out / cache.PAIRS).read_bytes() not in (
        pairs / cache.PAIRS
    ).read_bytes()


def test_nothing_passes(roots, tmp_path, labels):
    """Without a single usable person the reasons are in the cache."""
    people = tmp_path / 'ccp'
    shutil.copytree(roots[0], people)
    import cv2

    for path in (people / 'labels').iterdir():
        cv2.imwrite(str(path), np.zeros((480, 320), np.uint8))
    out = tmp_path / 'out'
    with pytest.raises(UserError, match='none of 0 attempts gave a pair'):
        generate_tryon_photos(
            out, people=people, garments=roots[1], num=1, val=0, rounds=2
        )


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--num', '0'], 'num must be at least 1'),
        (['--people', '{tmp}'], 'not a folder of Clothing'),
        (['--garments', '{tmp}'], 'no images of garments'),
    ],
)
def test_errors_are_one_line(roots, tmp_path, capsys, arguments, message):
    options = ['--people', str(roots[0]), '--garments', str(roots[1])]
    options += [text.format(tmp=tmp_path) for text in arguments]
    out = tmp_path / 'out'
    assert main(['tryon-photos', str(out), *options]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count('\n') == 1
    assert not out.exists()


def test_foreign_folders_are_not_overwritten(roots, tmp_path, capsys):
    (tmp_path / 'a.txt').touch()
    options = ['--people', str(roots[0]), '--garments', str(roots[1])]
    command = ['tryon-photos', str(tmp_path), *options]
    assert main([*command, '--overwrite']) == 2
    assert "holds 'a.txt'" in capsys.readouterr().err
    assert main(command) == 2
    assert 'is not a cache' in capsys.readouterr().err


def test_the_header_names_the_folders(pairs, roots):
    header = json.loads((pairs / cache.HEADER).read_text())
    assert header['people'] == str(roots[0].resolve())
    assert header['seed'] == 0

# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Generate a cache of try-on pairs from people of CCP and flat garments.

In every round each garment that a person wears gets one attempt, in random
order: the garment that can be placed best of several is registered and
tested. Attempts depend on seed, round, person and kind alone, so that an
interrupted run continues as if it had not been interrupted.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
from rich.progress import Progress

from ...errors import UserError
from ..output import check_at_least, one_thread
from . import RejectedError, cache
from .cache import PhotoPair, StoredFit, stored
from .flat_garment import FlatGarment, Kind, find_flat_garment
from .input_zone import enlarge_region
from .pairing import Fit, fit_garment
from .people import Garments, People, Split
from .quality import INPUT_LIMITS
from .rendering import known_share
from .worn_region import WornRegion, find_worn_regions

KINDS: tuple[Kind, ...] = get_args(Kind)
SPLITS: tuple[Split, ...] = get_args(Split)
CHOICES = 5  # garments of which the one that can be placed best is used
OTHER_CHOICES = 3  # for the input of the inverse pair
_INPUT_SCORE = 0.5  # least score of its placing
_MOST_ROUNDS = 200
_REGION = 'region: '  # begins the reason of a garment that is never usable
_GROWTH = 1.04  # a zone that grows by less is not worth a second garment
#: Ranges of reach and hem of the larger zone, in heights of the region.
_REACH: dict[str, tuple[float, float]] = {
    'upper': (0.15, 0.75),
    'dress': (0.08, 0.4),
    'shorts': (0.3, 1.5),
    'skirt': (0.1, 0.6),
    'trousers': (0.0, 0.1),
}
_HEM: dict[str, tuple[float, float]] = {'upper': (0.0, 0.25)}


class Generator:
    """Finds pairs and appends them to a cache.

    Args:
        people (str | Path): Copy of CCP.
        garments (str | Path): Photographs of garments.
        out (str | Path): Folder of the cache; continued if it exists.
        seed (int): The same seed gives the same pairs.

    Raises:
        UserError: A folder is not what it should be, or the cache was made
            with other folders or another seed.
    """

    def __init__(
        self, people: str | Path, garments: str | Path, out: Path, seed: int
    ) -> None:
        self.people, self.garments = People(people), Garments(garments)
        self.out, self.seed = Path(out), seed
        self._open()
        self._flat: dict[str, FlatGarment | str] = {}
        for line in cache.read_lines(self.out / cache.GARMENTS):
            self._flat[line['name']] = (
                cache.garment_from_json(line)
                if 'outline' in line
                else line['problem']
            )
        self.attempts = list(cache.read_lines(self.out / cache.ATTEMPTS))
        self._useless = {  # the same in every round
            (line['person'], line['kind'])
            for line in self.attempts
            if line['problem'].startswith(_REGION)
        }
        self._done = {
            (line['round'], line['person'], line['kind'])
            for line in self.attempts
        }
        passed = (a['split'] for a in self.attempts if not a['problem'])
        self.counts = Counter(passed)

    def _open(self) -> None:
        """Create the folder, or check that it can be continued."""
        header = {
            'version': cache.VERSION,
            'people': str(self.people.root.resolve()),
            'garments': str(self.garments.root.resolve()),
            'seed': self.seed,
        }
        if self.out.exists() and any(self.out.iterdir()):
            found = cache.read_header(self.out)
            changed = [key for key in header if found.get(key) != header[key]]
            if changed:
                raise UserError(
                    f'{self.out} was made with another {changed[0]} '
                    f'({found.get(changed[0])}); name a new folder or pass '
                    '--overwrite'
                )
            for name in cache.FILES[1:]:
                cache.drop_unfinished_line(self.out / name)
            self._forget_unfinished()
            return
        self.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(header, indent=2) + '\n'
        (self.out / cache.HEADER).write_text(text)

    def _forget_unfinished(self) -> None:
        """Remove a pair whose attempt was not logged, to log it again."""
        passed = sum(
            not line['problem']
            for line in cache.read_lines(self.out / cache.ATTEMPTS)
        )
        path = self.out / cache.PAIRS
        if path.is_file():
            lines = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(b''.join(lines[:passed]))

    def run(self, num: int, val: int, rounds: int = _MOST_ROUNDS) -> None:
        """Find pairs until there are enough, or all rounds are over.

        Args:
            num (int): Pairs of people for training.
            val (int): Pairs of people for validation.
            rounds (int): Largest number of rounds.
        """
        limits: dict[Split, int] = {'train': num, 'validation': val}
        names = [
            (split, name)
            for split in SPLITS
            for name in self.people.names(split)
        ]
        with Progress(disable=None) as progress:
            task = progress.add_task('pairs', total=num + val)
            for number in range(rounds):
                order = np.random.default_rng([self.seed, number])
                for index in order.permutation(len(names)):
                    split, name = names[index]
                    if self.counts[split] < limits[split]:
                        self._try_person(number, split, name)
                    done = sum(min(self.counts[s], limits[s]) for s in SPLITS)
                    progress.update(task, completed=done)
                if all(self.counts[s] >= limits[s] for s in SPLITS):
                    return

    def _try_person(self, number: int, split: Split, name: str) -> None:
        """Attempt each garment of a person once."""
        todo = [
            kind
            for kind in KINDS
            if (number, name, kind) not in self._done
            and (name, kind) not in self._useless
        ]
        if not todo:
            return
        regions = find_worn_regions(self.people.read(name).labels)
        for kind in todo:
            region = regions.get(kind)
            if region is None:
                self._useless.add((name, kind))
                continue
            key = [
                self.seed,
                number,
                int.from_bytes(name.encode(), 'big') % 2**32,
            ]
            rng = np.random.default_rng([*key, KINDS.index(kind)])
            attempt = {
                'round': number,
                'person': name,
                'split': split,
                'kind': kind,
                'problem': '',
            }
            try:
                if isinstance(region, str):
                    self._useless.add((name, kind))
                    raise RejectedError(f'{_REGION}{region}')
                pair = self._pair(name, split, region, rng)
                cache.append_line(
                    self.out / cache.PAIRS, cache.pair_to_json(pair)
                )
                self.counts[split] += 1
            except RejectedError as error:
                attempt['problem'] = str(error)
            cache.append_line(self.out / cache.ATTEMPTS, attempt)
            self.attempts.append(attempt)
            self._done.add((number, name, kind))

    def _pair(
        self,
        name: str,
        split: Split,
        region: WornRegion,
        rng: np.random.Generator,
    ) -> PhotoPair:
        """Find a pair; RejectedError says why there is none."""
        fit = fit_garment(self._draw(split, region.kind, CHOICES, rng), region)
        worn = stored(fit)
        other, reach, hem = self._other(split, region, rng)
        quality = {
            key: round(float(value), 4)
            for key, value in vars(fit.quality).items()
        }
        known = known_share(
            fit.mesh, fit.vertices, fit.garment.mask(), region.mask
        )
        return PhotoPair(
            person=name,
            split=split,
            kind=region.kind,
            label=region.label,
            worn=worn,
            known=round(known, 4),
            other=other,
            reach=reach,
            hem=hem,
            quality=quality | {'score': round(fit.score, 4)},
        )

    def _other(
        self, split: Split, region: WornRegion, rng: np.random.Generator
    ) -> tuple[StoredFit | None, float, float]:
        """Find a garment on a larger zone, reach and hem of that."""
        reach = round(float(rng.uniform(*_REACH.get(region.kind, (0, 0)))), 3)
        hem = round(float(rng.uniform(*_HEM.get(region.kind, (0, 0)))), 3)
        larger = enlarge_region(region, reach, hem)
        if larger.mask.sum() < _GROWTH * region.mask.sum():
            larger, reach, hem = region, 0.0, 0.0
        choices = self._draw(split, region.kind, OTHER_CHOICES, rng)
        fit: Fit
        try:
            fit = fit_garment(choices, larger, INPUT_LIMITS, _INPUT_SCORE)
        except RejectedError:
            return None, 0.0, 0.0
        return stored(fit), reach, hem

    def _draw(
        self, split: Split, kind: Kind, count: int, rng: np.random.Generator
    ) -> Iterator[FlatGarment]:
        """Draw usable flat garments of a kind, at random."""
        names = self.garments.names(split, kind)
        found = 0
        for index in rng.permutation(len(names)):
            garment = self._flat_garment(names[index], kind)
            if isinstance(garment, FlatGarment):
                found += 1
                yield garment
            if found == count:
                return

    def _flat_garment(self, name: str, kind: Kind) -> FlatGarment | str:
        """Return a flat garment, or why its photograph is not usable."""
        if name not in self._flat:
            path = self.out / cache.GARMENTS
            try:
                garment = find_flat_garment(
                    self.garments.read(name), kind, name
                )
                cache.append_line(path, cache.garment_to_json(garment))
                # as it will be read from the file
                record = json.loads(json.dumps(cache.garment_to_json(garment)))
                self._flat[name] = cache.garment_from_json(record)
            except (RejectedError, UserError) as error:
                problem = str(error)
                cache.append_line(
                    path, {'name': name, 'kind': kind, 'problem': problem}
                )
                self._flat[name] = problem
        return self._flat[name]


def generate_tryon_photos(
    out: str | Path,
    *,
    people: str | Path,
    garments: str | Path,
    num: int = 1000,
    val: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    rounds: int = _MOST_ROUNDS,
) -> None:
    """Write a cache of try-on pairs, or continue one.

    Args:
        out (str or Path): Folder of the cache.
        people (str or Path): Copy of CCP, original or reduced.
        garments (str or Path): clothing-dataset-small.
        num (int): Pairs for training. Defaults to 1000.
        val (int, optional): Pairs for validation, of other people and other
            garments. Defaults to ``num // 10``.
        seed (int): The same seed gives the same pairs. Defaults to 0.
        overwrite (bool): Replace an earlier cache. Defaults to False.
        rounds (int): Most attempts for each garment of a person.

    Raises:
        UserError: A number is too small, a folder is not what it should be,
            or not a single pair was found.
    """
    val = num // 10 if val is None else val
    check_at_least(num=(num, 1), val=(val, 0), rounds=(rounds, 1))
    out = Path(out)
    People(people), Garments(garments)  # before anything is removed
    if overwrite and out.is_dir():
        foreign = sorted(
            path.name for path in out.iterdir() if path.name not in cache.FILES
        )
        if foreign:
            raise UserError(
                f'{out} holds {foreign[0]!r}, which does not belong to a '
                'cache, so it is not overwritten; name another folder'
            )
        shutil.rmtree(out)
    with one_thread():
        generator = Generator(people, garments, out, seed)
        generator.run(num, val, rounds)
    if not sum(generator.counts.values()):
        raise UserError(
            f'{out}: none of {len(generator.attempts)} attempts gave a pair; '
            f'{cache.ATTEMPTS} in it says why'
        )

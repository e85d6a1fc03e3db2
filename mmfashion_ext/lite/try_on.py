# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Try-on inferencer of exported models, without PyTorch."""

from pathlib import Path

from ..errors import UserError
from ..tryon.inference.pair_inferencer import PairInferencer
from .base import LiteInferencer
from .dressing import GraphSession


class TryOnInferencer(PairInferencer, LiteInferencer):
    """Dresses persons in garments; an exported model of try-on.

    Inputs, options, results and files are those of
    ``mmfashion_ext.tryon.TryOnInferencer``: ``try_on``, ``warped_cloth``
    (h, w, 3) uint8 BGR and ``warped_mask`` (h, w) of each pair. A model that
    keeps the photograph composes at the photograph's own size.

    Examples:
        >>> infer = TryOnInferencer('exported')
        >>> result = infer('person.jpg', ['a.jpg', 'b.jpg'], out_dir='out')

    Args:
        folder (str | Path): See :class:`LiteInferencer`.
        size (tuple[int, int], optional): (h, w) in px that all images are
            resized to. Defaults to None: the size of the model; if it has
            none, images keep their size.
        threads (int, optional): See there.
        batch_size (int): Pairs that go through the network together.
        show_progress (bool): See there.

    Raises:
        UserError: See there, or a bad size.
    """

    system = 'tryon'

    def __init__(
        self,
        folder: str | Path,
        *,
        size: tuple[int, int] | None = None,
        threads: int | None = None,
        batch_size: int = 1,
        show_progress: bool = True,
    ) -> None:
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise UserError(f'size must be (h, w), 1 px or more, got {size}')
        super().__init__(
            folder,
            threads=threads,
            batch_size=batch_size,
            show_progress=show_progress,
        )
        trained = self.graphs.content['size']
        self.size = size or (trained and tuple(trained))

    def _new_session(self) -> GraphSession:
        """Return a session whose caches live as long as one call."""
        return GraphSession(self.graphs, self.size, self.batch_size)

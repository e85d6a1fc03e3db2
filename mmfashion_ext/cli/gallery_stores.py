# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Vector store of a gallery index, from the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from ..errors import UserError

if TYPE_CHECKING:
    from ..retrieval.gallery_index import GalleryIndex
    from ..retrieval.stores.base import VectorStore


def update_store(
    path: str,
    kind: str | None,
    url: str | None = None,
    file: TextIO | None = None,
) -> None:
    """Bring the store of the index ``path`` to what the index holds.

    Args:
        path (str): File of the index.
        kind (str, optional): The store; the index remembers it. None: what
            the index has; nothing happens if it has none.
        url (str, optional): Its server, which the index does not remember.
        file (TextIO, optional): Where to print. Defaults to None: stdout.

    Raises:
        UserError: There is no such store, or it cannot be opened.
    """
    from ..retrieval.gallery_index import GalleryIndex
    from ..retrieval.stores.sync import sync_store
    from ..utils.file_lock import file_lock

    with file_lock(path):
        index = GalleryIndex.load(path)
        if kind is None and 'store' not in index.origin:
            return
        if kind is not None:
            where = 'server' if url else 'file'
            found = {'store': kind, 'store_at': where}
            if found.items() - index.origin.items():
                index.origin.update(found)
                index.save(path)
        with _open_store(index, path, url) as store:
            added, removed = sync_store(index, store)
            number = len(store)
    print(
        f'{path}: store {index.origin["store"]}: {added} vectors added, '
        f'{removed} removed, {number} there',
        file=file,
    )


def check_store(kind: str | None, url: str | None) -> None:
    """Check the name of a store, before anything runs."""
    from ..retrieval.stores.sync import store_location

    if kind is not None:
        store_location('', kind)
    if url is not None and kind != 'milvus':
        raise UserError(
            f'--store-url {url}: only --store milvus has a server, got '
            f'{kind or "no --store"}'
        )


def _open_store(
    index: 'GalleryIndex', path: str, url: str | None
) -> 'VectorStore':
    """Open the store that an index names; a server only if it is named."""
    from ..retrieval.stores.sync import open_store, store_location

    kind = str(index.origin['store'])
    location = store_location(path, kind)  # checks the kind
    if url is None and index.origin.get('store_at') == 'server':
        raise UserError(
            f'{path}: its vectors are on a server, which an index does not '
            'name; name it with --store-url'
        )
    return open_store(kind, url or location, index.similarity)


@contextmanager
def searched_index(
    index: 'GalleryIndex', path: str, url: str | None
) -> Iterator['GalleryIndex']:
    """Give what is searched: the index, or its store."""
    if 'store' not in index.origin:
        yield index
        return
    from ..retrieval.stores.sync import StoredGallery

    with _open_store(index, path, url) as store:
        yield StoredGallery(index, store)

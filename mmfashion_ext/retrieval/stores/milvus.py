# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Milvus store: a collection of Milvus Lite, in a folder, or of a cluster.

The same code runs against both: ``location`` is a path that ends in ``.db``
(Milvus Lite, in this process) or the URL of a server.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import UserError, one_line
from ...plugins import is_installed
from ..pair_similarity import PairSimilarity
from ..scoring import RetrievalError
from .base import VectorStore, disk_bytes

_BATCH = 4096  # vectors of a message, which may have 64 MB
_QUERIES = 64  # of a search, whose answer brings the vectors along


class MilvusStore(VectorStore):
    """Vectors (N, D) in a collection of Milvus, searched by inner products.

    Args:
        location (str | Path): Path that ends in ``.db`` (Milvus Lite; one
            process at a time), or ``http://HOST:PORT`` of a server.
        similarity (PairSimilarity): How pairs are scored.
        collection (str): Name of the collection; made if missing.
        index (str): Milvus' index: ``'FLAT'`` is exact, ``'HNSW'`` and
            ``'IVF_FLAT'`` are approximate.
        token (str): ``USER:PASSWORD`` of a server.

    Raises:
        ImportError: pymilvus, or milvus-lite for a path, is not installed.
        UserError: The server cannot be reached, or another process has the
            folder open.
        RetrievalError: The collection is of another width.
    """

    kind = 'milvus'

    def __init__(
        self,
        location: str | Path,
        similarity: PairSimilarity,
        collection: str = 'garments',
        index: str = 'FLAT',
        token: str = '',
    ) -> None:
        super().__init__(location, similarity)
        self.collection, self.index = collection, index
        self._remote = '://' in str(location)
        if not self._remote and Path(location).suffix != '.db':
            raise UserError(
                f'{location}: expected a path that ends in .db (Milvus Lite) '
                'or the URL of a server, http://HOST:PORT'
            )
        self._milvus = _import_pymilvus(lite=not self._remote)
        try:
            self._client = self._milvus.MilvusClient(
                str(location), token=token
            )
        except Exception as error:  # of the connection, in many classes
            raise UserError(
                f'{location}: Milvus cannot be opened ('
                f'{one_line(error)}); is the server there, or has another '
                'process the folder open?'
            ) from error
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        """Open the collection, or make it."""
        client, width = self._client, self.width + 2
        if not client.has_collection(self.collection):
            schema = client.create_schema(
                auto_id=False, enable_dynamic_field=False
            )
            types = self._milvus.DataType
            schema.add_field('id', types.INT64, is_primary=True)
            schema.add_field('vector', types.FLOAT_VECTOR, dim=width)
            params = client.prepare_index_params()
            params.add_index(
                'vector',
                index_type=self.index,
                metric_type='IP',
                params=_BUILD.get(self.index, {}),
            )
            client.create_collection(
                self.collection,
                schema=schema,
                index_params=params,
                consistency_level='Strong',
            )
        found = {
            field['name']: field.get('params', {})
            for field in client.describe_collection(self.collection)['fields']
        }
        dim = int(found.get('vector', {}).get('dim', 0))
        if dim != width:
            raise RetrievalError(
                f'{self.location}: the collection {self.collection} holds '
                f'vectors of {dim} numbers, expected {self.width} + 2; it is '
                'of another model'
            )
        client.load_collection(self.collection)

    def __len__(self) -> int:
        rows = self._client.query(
            self.collection, filter='', output_fields=['count(*)']
        )
        return int(rows[0]['count(*)'])

    def ids(self) -> Tensor:
        """Return the names (N,) int64."""
        iterator = self._client.query_iterator(
            self.collection,
            batch_size=_BATCH,
            filter='id >= 0',
            output_fields=['id'],
        )
        values: list[int] = []
        try:
            while rows := iterator.next():
                values += [row['id'] for row in rows]
        finally:
            iterator.close()
        return torch.tensor(values, dtype=torch.long)

    def _write(self, vectors: Tensor, ids: Tensor) -> None:
        products = self.similarity.augment_gallery(vectors).numpy()
        for start in range(0, len(ids), _BATCH):
            part = slice(start, start + _BATCH)
            self._client.upsert(
                self.collection,
                [
                    {'id': name, 'vector': product}
                    for name, product in zip(
                        ids[part].tolist(), products[part], strict=True
                    )
                ],
            )
        self._client.flush(self.collection)

    def _delete(self, ids: Tensor) -> None:
        for part in ids.split(_BATCH):
            self._client.delete(self.collection, ids=part.tolist())
        self._client.flush(self.collection)

    def _candidates(
        self, queries: Tensor, count: int
    ) -> tuple[Tensor, Tensor]:
        products = self.similarity.augment_queries(queries).numpy()
        ids = torch.full((len(queries), count), -1)
        vectors = torch.zeros(len(queries), count, self.width)
        for start in range(0, len(products), _QUERIES):
            found = self._client.search(
                self.collection,
                data=list(products[start : start + _QUERIES]),
                limit=count,
                output_fields=['vector'],
                search_params={
                    'metric_type': 'IP',
                    'params': _SEARCH.get(self.index, {}),
                },
            )
            for row, hits in enumerate(found, start):
                for column, hit in enumerate(hits):
                    ids[row, column] = hit['id']
                    entity = hit['entity']['vector'][: self.width]
                    vectors[row, column] = torch.as_tensor(entity)
        return ids, vectors

    def _bytes(self) -> int:
        return -1 if self._remote else disk_bytes(self.location)

    def close(self) -> None:
        """Close the connection, and Milvus Lite with its folder."""
        self._client.close()
        if not self._remote:
            from milvus_lite.server_manager import server_manager_instance

            server_manager_instance.release_server(str(self.location))


#: Milvus' settings of an index: of its build, of a search.
_BUILD = {
    'HNSW': {'M': 32, 'efConstruction': 128},
    'IVF_FLAT': {'nlist': 1024},
}
_SEARCH = {'HNSW': {'ef': 128}, 'IVF_FLAT': {'nprobe': 32}}


def _import_pymilvus(lite: bool) -> Any:
    needed = ['pymilvus', *(['milvus_lite'] if lite else [])]
    if missing := [name for name in needed if not is_installed(name)]:
        raise ImportError(
            f'the store milvus needs {" and ".join(missing)}: '
            "pip install 'mmfashion_ext[milvus]'"
        )
    import pymilvus

    return pymilvus

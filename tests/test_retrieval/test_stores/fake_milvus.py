# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""The calls of pymilvus that the store makes, answered from a file.

Milvus needs 290 MB; where it is not installed, the store's own code is tested
with this, and the contract of Milvus itself is not.
"""

import json
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np


class Schema:
    def __init__(self):
        self.fields = []

    def add_field(self, name, kind, is_primary=False, dim=None):
        params = {} if dim is None else {'dim': dim}
        self.fields.append({'name': name, 'params': params})


class IndexParams:
    def __init__(self):
        self.added = []

    def add_index(self, field, index_type, metric_type, params):
        assert (field, metric_type) == ('vector', 'IP')
        self.added.append((index_type, params))


class Rows:
    """What query_iterator returns."""

    def __init__(self, rows, size):
        self.parts = [rows[i : i + size] for i in range(0, len(rows), size)]

    def next(self):
        return self.parts.pop(0) if self.parts else []

    def close(self):
        pass


class MilvusClient:
    lock = threading.Lock()

    def __init__(self, uri, token=''):
        self.path = Path(uri)
        self.data = (
            json.loads(self.path.read_text()) if self.path.exists() else {}
        )

    def close(self):
        pass

    def has_collection(self, name):
        return name in self.data

    def create_schema(self, auto_id, enable_dynamic_field):
        return Schema()

    def prepare_index_params(self):
        return IndexParams()

    def create_collection(self, name, schema, index_params, consistency_level):
        assert consistency_level == 'Strong'
        assert len(index_params.added) == 1
        self.data[name] = {'fields': schema.fields, 'rows': {}}
        self.flush(name)

    def describe_collection(self, name):
        return {'fields': self.data[name]['fields']}

    def load_collection(self, name):
        assert name in self.data

    def flush(self, name):
        self.path.write_text(json.dumps(self.data))

    def upsert(self, name, rows):
        for row in rows:
            key, vector = str(row['id']), row['vector'].tolist()
            self.data[name]['rows'][key] = vector

    def delete(self, name, ids):
        for value in ids:
            self.data[name]['rows'].pop(str(value), None)

    def query(self, name, filter, output_fields):
        assert output_fields == ['count(*)']
        return [{'count(*)': len(self.data[name]['rows'])}]

    def query_iterator(self, name, batch_size, filter, output_fields):
        assert (filter, output_fields) == ('id >= 0', ['id'])
        rows = [{'id': int(key)} for key in self.data[name]['rows']]
        return Rows(rows, batch_size)

    def search(self, name, data, limit, output_fields, search_params):
        assert search_params['metric_type'] == 'IP'
        with self.lock:
            rows = self.data[name]['rows']
            found = []
            for query in data:
                scores = {
                    key: float(np.float32(query) @ np.float32(vector))
                    for key, vector in rows.items()
                }
                best = sorted(scores, key=scores.get, reverse=True)[:limit]
                found.append(
                    [
                        {'id': int(key), 'entity': {'vector': rows[key]}}
                        for key in best
                    ]
                )
            return found


def install(monkeypatch):
    """Put the modules where the store looks for them."""

    def module(name, **content):
        made = ModuleType(name)
        made.__spec__ = ModuleSpec(name, None)
        vars(made).update(content)
        monkeypatch.setitem(sys.modules, name, made)

    types = SimpleNamespace(INT64=5, FLOAT_VECTOR=101)
    module('pymilvus', MilvusClient=MilvusClient, DataType=types)
    manager = SimpleNamespace(release_server=lambda path: None)
    module('milvus_lite')
    module('milvus_lite.server_manager', server_manager_instance=manager)

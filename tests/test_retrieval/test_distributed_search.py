# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
from pathlib import Path

from mmfashion_ext.retrieval.distributed_search import distributed_search


def test_two_processes(run_ranks):
    run_ranks(Path(__file__).parent / 'search_processes.py')


def test_without_a_process_group(random_case, assert_same):
    similarity, queries, gallery = random_case(15, 4, 50, dim=8)
    found = distributed_search(similarity, queries, gallery, 3)
    assert_same(found, similarity.search(queries, gallery, 3))

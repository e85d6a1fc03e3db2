# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Data samples of clips."""

import pytest
import torch

from mmfashion_ext.scan.structures import ClipDataSample


def test_data_sample_keeps_its_methods():
    sample = ClipDataSample(metainfo={'pid': 1})
    sample.embeddings = torch.zeros(2, 3)
    sample.attention_keys = torch.ones(2, 3)
    assert sorted(sample.keys()) == ['attention_keys', 'embeddings']
    assert set(sample.to_dict()) == {'pid', 'attention_keys', 'embeddings'}
    with pytest.raises(AttributeError, match='are attention_keys'):
        sample.keys = torch.ones(2, 3)


def test_metainfo_and_predictions_are_separate():
    sample = ClipDataSample(metainfo={'pid': 1, 'role': 'query'})
    sample.embeddings = torch.zeros(2, 3)
    assert set(sample.metainfo_keys()) == {'pid', 'role'}
    assert (sample.pid, sample.role) == (1, 'query')
    assert sample.embeddings.shape == (2, 3)

# Retrieval by an embedding whose identity loss is ArcFace.
_base_ = [
    '_base_/model_r50_match.py',
    '_base_/dataset_deepfashion2_pairs.py',
    '_base_/schedule_1x.py',
    '_base_/runtime.py',
]

model = dict(
    roi_head=dict(
        match_head=dict(
            type='mmfashion_ext.EmbeddingHead',
            num_identities=45000,
            identity_loss='arcface',
        )
    )
)

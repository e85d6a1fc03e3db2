# All five losses of the paper: L_cls, L_box, L_mask, L_pose and L_pair.
_base_ = 'model_r50.py'

model = dict(
    roi_head=dict(
        match_head=dict(type='mmfashion_ext.MatchHead', feature='class')
    )
)

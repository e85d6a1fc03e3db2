# Match R-CNN (arXiv:1901.07973, section 4): mmdet's Mask R-CNN for 13
# categories, and the landmark stream.
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

model = dict(
    roi_head=dict(
        type='mmfashion_ext.MatchRoIHead',
        bbox_head=dict(num_classes=13),
        mask_head=dict(num_classes=13),
        # reads RoI features of 14x14 from the mask stream's extractor
        landmark_head=dict(
            type='mmfashion_ext.LandmarkHead',
            num_convs=8,
            in_channels=256,
            conv_channels=512,
        ),
    ),
)

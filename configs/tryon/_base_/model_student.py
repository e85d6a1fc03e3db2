# PF-AFN, the student (arXiv:2103.04559): reads the photograph and the garment,
# and learns from PB-AFN. A leaf config names the tutor's checkpoint.
model = dict(
    type='mmfashion_ext.ParserFreeTryOn',
    data_preprocessor=dict(type='mmfashion_ext.TryOnDataPreprocessor'),
    warp_net=dict(
        type='mmfashion_ext.AppearanceFlowWarp', condition_channels=3
    ),
    teacher=dict(
        type='mmfashion_ext.ParserBasedTryOn',
        warp_net=dict(
            type='mmfashion_ext.AppearanceFlowWarp', condition_channels=45
        ),
        generator=dict(type='mmfashion_ext.TryOnGenerator', in_channels=8),
    ),
    warp_loss=dict(type='mmfashion_ext.WarpLoss'),
    distillation=dict(
        type='mmfashion_ext.AdjustableDistillation', selection='adjustable'
    ),
    # torchvision's weights: see docs/tryon.md for where to get them
    perceptual=dict(
        type='mmfashion_ext.PerceptualLoss',
        checkpoint='checkpoints/vgg19-dcbb9e9d.pth',
    ),
)

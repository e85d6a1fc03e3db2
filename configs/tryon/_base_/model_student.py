# Student, PF-AFN (arXiv:2103.04559), warp network only: conditioned on the
# photograph, trained with a tutor whose checkpoint the leaf config names.
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
    # torchvision's weights; docs/tryon.md has the download command
    perceptual=dict(
        type='mmfashion_ext.PerceptualLoss',
        checkpoint='checkpoints/vgg19-dcbb9e9d.pth',
    ),
)

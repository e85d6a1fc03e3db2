# PB-AFN, the tutor (arXiv:2103.04559): reads parse map, pose and DensePose. A
# leaf config of the second stage adds the generator.
model = dict(
    type='mmfashion_ext.ParserBasedTryOn',
    data_preprocessor=dict(type='mmfashion_ext.TryOnDataPreprocessor'),
    warp_net=dict(
        type='mmfashion_ext.AppearanceFlowWarp', condition_channels=45
    ),
    warp_loss=dict(type='mmfashion_ext.WarpLoss'),
    # torchvision's weights: see docs/tryon.md for where to get them
    perceptual=dict(
        type='mmfashion_ext.PerceptualLoss',
        checkpoint='checkpoints/vgg19-dcbb9e9d.pth',
    ),
)

# Tutor, PB-AFN (arXiv:2103.04559), warp network only: conditioned on parse
# map, pose and DensePose.
model = dict(
    type='mmfashion_ext.ParserBasedTryOn',
    data_preprocessor=dict(type='mmfashion_ext.TryOnDataPreprocessor'),
    warp_net=dict(
        type='mmfashion_ext.AppearanceFlowWarp', condition_channels=45
    ),
    warp_loss=dict(type='mmfashion_ext.WarpLoss'),
    # torchvision's weights; docs/tryon.md has the download command
    perceptual=dict(
        type='mmfashion_ext.PerceptualLoss',
        checkpoint='checkpoints/vgg19-dcbb9e9d.pth',
    ),
)

# Mobile student (after DM-VTON, arXiv:2308.13798): MobileNetV2-type pyramids,
# flow heads on four levels, MobileNetV2-type U-Net. Where the photograph need
# not change it is kept: the generator's fifth channel says where.
model = dict(
    type='mmfashion_ext.ParserFreeTryOn',
    data_preprocessor=dict(type='mmfashion_ext.TryOnDataPreprocessor'),
    warp_net=dict(type='mmfashion_ext.MobileFlowWarp'),
    generator=dict(type='mmfashion_ext.MobileTryOnGenerator'),
)

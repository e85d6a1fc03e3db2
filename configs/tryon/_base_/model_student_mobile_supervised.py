# Mobile student that learns from the true flow and the true image: no tutor
_base_ = 'model_student_mobile.py'

model = dict(
    type='mmfashion_ext.SupervisedTryOn',
    # the true flow says where the cloth is visible; smooth elsewhere
    warp_loss=dict(type='mmfashion_ext.WarpLoss', second_order_weight=1.0),
    flow_loss=dict(type='mmfashion_ext.TrueFlowLoss'),
    image_loss=dict(type='mmfashion_ext.TrueImageLoss'),
)

_base_ = [
    '_base_/dataset_deepfashion2_simcc_256x192.py',
    '_base_/model_rtmpose-m.py',
    '_base_/schedule_420e_rtmpose.py',
    '_base_/runtime.py',
]

model = dict(head=dict(decoder=_base_.codec))

train_dataloader = dict(batch_size=128)

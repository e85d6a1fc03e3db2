_base_ = [
    '../_base_/dataset_deepfashion2_udp_384x288.py',
    '../_base_/model_hrnet-w48_aggregated_finetune_384x288.py',
    '../_base_/schedule_20e_finetune.py',
    '../_base_/runtime_finetune.py',
]

only = dict(dataset=dict(categories=['vest_dress']))
train_dataloader = val_dataloader = test_dataloader = only

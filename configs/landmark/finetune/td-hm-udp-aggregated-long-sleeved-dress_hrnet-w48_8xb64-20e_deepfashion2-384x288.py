_base_ = '../_base_/finetune_hrnet-w48_384x288.py'

only = dict(dataset=dict(categories=['long_sleeved_dress']))
train_dataloader = val_dataloader = test_dataloader = only

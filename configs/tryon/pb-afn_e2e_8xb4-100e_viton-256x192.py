# Second of four stages: the tutor with its generator.
_base_ = [
    '_base_/model_tutor_e2e.py',
    '_base_/dataset_tutor.py',
    '_base_/schedule_e2e.py',
    '_base_/runtime.py',
]

load_from = 'work_dirs/pb-afn_warp_8xb4-100e_viton-256x192/epoch_100.pth'
load_from_partial = dict(new=['generator.'])

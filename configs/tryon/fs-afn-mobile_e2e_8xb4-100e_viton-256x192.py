# Mobile student whose coarse flows a global style vector of person and garment
# modulates (the idea of Flow-Style, arXiv:2204.01046).
_base_ = 'pf-afn-mobile_e2e_8xb4-100e_viton-256x192.py'

model = dict(warp_net=dict(style_channels=64))

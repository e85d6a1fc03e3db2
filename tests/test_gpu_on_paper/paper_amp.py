# Copyright (c) mmfashion_ext authors. Licensed under Apache-2.0.
"""Autocast of the GPU on paper: which operators compute in which precision.

The lists are those that PyTorch documents for CUDA ("Autocast Op Reference").
A device of one's own starts without any. Importing this module registers them.
"""

import torch
from torch.utils._pytree import tree_flatten, tree_map

from .paper_gpu import NAME

LOWER = """
    _convolution conv1d conv2d conv3d conv_tbc conv_transpose1d
    conv_transpose2d.input conv_transpose3d.input convolution addbmm addmm
    addmv addr baddbmm bmm chain_matmul linalg_multi_dot linalg_vecdot linear
    matmul mm mv prelu scaled_dot_product_attention
"""
FLOAT32 = """
    acos asin cosh erfinv exp expm1 log log10 log1p log2 reciprocal rsqrt sinh
    tan pow.Tensor_Scalar pow.Tensor_Tensor pow.Scalar softplus layer_norm
    native_layer_norm group_norm frobenius_norm.dim nuclear_norm
    nuclear_norm.dim cosine_similarity poisson_nll_loss cosine_embedding_loss
    nll_loss nll_loss2d hinge_embedding_loss kl_div l1_loss smooth_l1_loss
    huber_loss mse_loss margin_ranking_loss multilabel_margin_loss
    soft_margin_loss triplet_margin_loss multi_margin_loss
    binary_cross_entropy_with_logits dist pdist cdist renorm logsumexp
    softmax.int log_softmax.int prod prod.dim_int cumprod cumsum sum
    sum.dim_IntList norm.Scalar norm.ScalarOpt_dim
"""
WIDEST = """
    addcdiv addcmul atan2 bilinear cross dot vdot grid_sampler index_put
    tensordot scatter_add cat stack
"""
_KEY = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)
_LIBRARY = torch.library.Library('aten', 'IMPL')
# operators that are in no list compute in what they get
_ALL = torch.library.Library('_', 'IMPL')
_ALL.fallback(torch.library.fallthrough_kernel, 'AutocastPrivateUse1')


def _cast(values, dtype):
    def one(x):
        floats = (
            isinstance(x, torch.Tensor)
            and x.is_floating_point()
            and x.dtype != torch.float64
            and x.device.type == NAME
        )
        return x.to(dtype) if floats else x

    return tree_map(one, values)


def _widest(values):
    dtypes = [
        x.dtype
        for x in tree_flatten(values)[0]
        if isinstance(x, torch.Tensor) and x.is_floating_point()
    ]
    dtype = torch.get_autocast_dtype(NAME)
    return torch.float32 if torch.float32 in dtypes else dtype


def _register(names, dtype_of):
    for name in names.split():
        packet, _, overload = name.partition('.')
        op = getattr(getattr(torch.ops.aten, packet), overload or 'default')

        def kernel(*args, op=op, **kwargs):
            with torch._C._ExcludeDispatchKeyGuard(_KEY):
                values = _cast((args, kwargs), dtype_of((args, kwargs)))
                return op(*values[0], **values[1])

        _LIBRARY.impl(name, kernel, 'AutocastPrivateUse1')


def _refuse(*_, **__):
    raise RuntimeError(
        'torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are '
        'unsafe to autocast'
    )


_register(LOWER, lambda _: torch.get_autocast_dtype(NAME))
_register(FLOAT32, lambda _: torch.float32)
_register(WIDEST, _widest)
_LIBRARY.impl('binary_cross_entropy', _refuse, 'AutocastPrivateUse1')

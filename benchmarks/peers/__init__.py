"""Other programs that train the same flow, as workers with the actions of `flowconv_worker`.

Each is as its own users would write it: steps of actnorm, 1×1 convolution by its LU and affine coupling, coupling
networks with 3×3, 1×1, 3×3 convolutions of the same width, the same levels and batch; noise, negative log-likelihood
and Adam. A worker's settings tune one as users who know its library would. Programs on PyTorch run in an environment of
their own (`environment`).
"""

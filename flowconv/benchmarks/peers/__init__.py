"""What a user would pick instead, as workers with the actions of `ours`. Each is as its own users would write it.

Steps of actnorm, 1×1 convolution by its LU and affine coupling, coupling networks with 3×3, 1×1, 3×3 convolutions of
the same width, the same levels and batch; noise, negative log-likelihood and Adam. Programs on PyTorch run in an
environment of their own (`environment`).
"""

"""CIFAR-10 (Truong et al. 2021, section 5.1): K 32, L 3, four GPUs × 64."""

from flowconv.config import default_config


def get_config():
    config = default_config()
    config.data.name = "cifar10"
    return config

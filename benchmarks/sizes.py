"""The sizes at which programs are compared. Nothing here imports more than the standard library."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """A Glow and its training batch.

    Attributes:
      depth: K, steps of flow in a level.
      levels: L; each squeezes first, and half of the channels leave between two levels.
      width: hidden channels of the coupling networks.
      batch_size: images a step.
      image_size: side in pixels; images have 3 channels.
    """

    depth: int
    levels: int
    width: int
    batch_size: int
    image_size: int = 32

    def level_shapes(self) -> list[tuple[int, int, int]]:
        """Returns (H, W, C) in each level's steps, after its squeeze."""
        sides = [self.image_size >> level for level in range(1, self.levels + 1)]
        return [(side, side, 12 * 2**level) for level, side in enumerate(sides)]


SMALL = Size(depth=8, levels=3, width=128, batch_size=32)
PAPER = Size(depth=32, levels=3, width=512, batch_size=16)
SIZES = {"small": SMALL, "paper": PAPER}

"""The graph of photos that overlap: its largest part, its center, homographies along its tree."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from keras_homography.geometry import arrays


@dataclasses.dataclass(frozen=True, eq=False)
class Link:
    """Two photos whose homography is known.

    Attributes:
      a: index of photo A.
      b: index of photo B.
      a_from_b: float64 `[3, 3]`, pixels of B to pixels of A.
      confidence: 0 to 1, of the homography.
      points_a: float64 `[n, 2]`, pixels of A, matched with `points_b`.
      points_b: float64 `[n, 2]`, pixels of B.
    """

    a: int
    b: int
    a_from_b: np.ndarray
    confidence: float
    points_a: np.ndarray
    points_b: np.ndarray

    @property
    def weight(self) -> float:
        """What links of a tree are ranked by: many points, and a homography to be trusted."""
        return self.confidence * len(self.points_a)


def largest_component(links: Iterable[Link]) -> list[int]:
    """Return the photos of the largest part of the graph that hangs together.

    Args:
      links: between photos.

    Returns:
      Indices, sorted; of parts with as many photos, those with the heaviest links. Empty if there
      are no links.
    """
    links = list(links)
    component = {index: index for link in links for index in (link.a, link.b)}
    for link in links:
        former, new = component[link.b], component[link.a]
        component = {i: new if c == former else c for i, c in component.items()}
    parts: dict[int, list[int]] = {}
    for index, number in component.items():
        parts.setdefault(number, []).append(index)

    def weight(part: list[int]) -> float:
        return sum(link.weight for link in links if link.a in part)

    largest = max(map(len, parts.values()), default=0)
    largest_parts = [part for part in parts.values() if len(part) == largest]
    return sorted(sorted(largest_parts, key=weight)[-1]) if parts else []


def spanning_tree(links: Iterable[Link]) -> list[Link]:
    """Return the links of the heaviest tree (or trees), by Kruskal's algorithm."""
    tree: list[Link] = []
    component: dict[int, int] = {}
    for link in sorted(links, key=lambda link: -link.weight):
        a, b = component.setdefault(link.a, link.a), component.setdefault(link.b, link.b)
        if a != b:
            component = {i: a if c == b else c for i, c in component.items()}
            tree.append(link)
    return tree


def walk(tree: list[Link], start: int) -> list[tuple[int, int, np.ndarray]]:
    """Walk a tree from one photo, breadth first.

    Args:
      tree: links without loops.
      start: index of the photo where the walk begins.

    Returns:
      `(near, far, near_from_far)` for each link, in the order in which photos are reached.
    """
    neighbors: dict[int, list[tuple[int, np.ndarray]]] = {}
    for link in tree:
        neighbors.setdefault(link.a, []).append((link.b, link.a_from_b))
        neighbors.setdefault(link.b, []).append((link.a, np.linalg.inv(link.a_from_b)))
    steps, reached, waiting = [], {start}, [start]
    while waiting:
        near = waiting.pop(0)
        for far, near_from_far in neighbors.get(near, []):
            if far not in reached:
                reached.add(far)
                waiting.append(far)
                steps.append((near, far, near_from_far))
    return steps


def center(tree: list[Link]) -> int:
    """Return the photo of a tree from which the farthest is nearest, counted in links."""

    def reach(start: int) -> tuple[int, int, int]:
        depth = {start: 0}
        for near, far, _ in walk(tree, start):
            depth[far] = depth[near] + 1
        return max(depth.values()), sum(depth.values()), start

    return min({index for link in tree for index in (link.a, link.b)}, key=reach)


def compose(tree: list[Link], reference: int) -> dict[int, np.ndarray]:
    """Compose homographies along a tree.

    Args:
      tree: links without loops.
      reference: index of a photo.

    Returns:
      `reference_from_photo` of each photo, float64 `[3, 3]`.
    """
    matrices = {reference: np.eye(3)}
    for near, far, near_from_far in walk(tree, reference):
        composed = matrices[near] @ near_from_far
        normalized = arrays.normalize(composed)
        matrices[far] = composed if normalized is None else normalized
    return matrices

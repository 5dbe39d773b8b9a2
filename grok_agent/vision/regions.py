"""Connected areas of one value in a picture, found on runs of equal pixels."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Regions:
    """Bounding boxes of all areas, as arrays of one length.

    ``left``, ``top`` count from 0, ``right`` and ``bottom`` are the first pixel outside; ``area``
    in pixels, ``value`` what the pixels of the area have in common.
    """

    left: np.ndarray
    top: np.ndarray
    right: np.ndarray
    bottom: np.ndarray
    area: np.ndarray
    value: np.ndarray
    of_pixel: np.ndarray
    """Number of each pixel's area, height x width."""


def find_regions(values: np.ndarray) -> Regions:
    """Areas of equal ``values`` (whole numbers, height x width), joined at sides, not at corners.

    Union-find by shrinking labels and jumping pointers (Shiloach & Vishkin 1982) over runs.
    """
    height, width = values.shape
    new = np.ones((height, width), dtype=bool)
    new[:, 1:] = values[:, 1:] != values[:, :-1]
    run_of_pixel = np.cumsum(new.ravel()).reshape(height, width) - 1
    starts = np.flatnonzero(new.ravel())
    lengths = np.diff(np.append(starts, height * width))
    touching = (values[1:] == values[:-1]) & (new[1:] | new[:-1])
    labels = _joined(len(starts), run_of_pixel[1:][touching], run_of_pixel[:-1][touching])
    roots, area_of_run = np.unique(labels, return_inverse=True)
    rows, columns = starts // width, starts % width
    count = len(roots)
    return Regions(
        left=_least(count, area_of_run, columns, width),
        top=_least(count, area_of_run, rows, height),
        right=-_least(count, area_of_run, -(columns + lengths), 0),
        bottom=-_least(count, area_of_run, -(rows + 1), 0),
        area=np.bincount(area_of_run, lengths, count).astype(np.intp),
        value=values.ravel()[starts[roots]],
        of_pixel=area_of_run[run_of_pixel],
    )


def _joined(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """For each of ``count`` runs the least run that it is joined to by the pairs given."""
    parent = np.arange(count)
    while True:
        one, other = parent[first], parent[second]
        apart = one != other
        if not apart.any():
            return parent
        first, second, one, other = first[apart], second[apart], one[apart], other[apart]
        np.minimum.at(parent, np.maximum(one, other), np.minimum(one, other))
        while True:
            above = parent[parent]
            if np.array_equal(above, parent):
                break
            parent = above


def _least(count: int, area: np.ndarray, values: np.ndarray, start: int) -> np.ndarray:
    least = np.full(count, start, dtype=np.intp)
    np.minimum.at(least, area, values)
    return least

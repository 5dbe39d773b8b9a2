"""The main colours of a picture: weighted k-means in OKLab over a histogram of its pixels."""

import random
from dataclasses import dataclass

import numpy as np

from grok_agent.vision.colour import (
    LINEAR_OF_LEVEL,
    Floats,
    delta_e_2000,
    linear_to_lab,
    linear_to_oklab,
    oklab_to_linear,
    to_hex,
)
from grok_agent.vision.names import ColourName, nearest_name

CLUSTERS, MOST_COLOURS = 8, 6
SAME_COLOUR = 8.0  # CIEDE2000: nearer clusters are one colour
SMALLEST_SHARE = 0.01
NEAR = 0.12  # OKLab distance within which a pixel is well described by its colour
ROUNDS, SEED = 30, 20
STILL = 1e-4  # in OKLab; far below what the eye can tell


@dataclass(frozen=True)
class PaletteColour:
    """One main colour; ``share`` of all pixels, 0-1."""

    hex: str
    share: float
    name: ColourName


@dataclass(frozen=True)
class Palette:
    """Main colours by falling share; ``coverage`` is the share of pixels near one of them."""

    colours: tuple[PaletteColour, ...]
    coverage: float


def measure_palette(pixels: np.ndarray) -> Palette:
    """At most six main colours of an sRGB picture (uint8, height x width x 3).

    k-means++ (Arthur & Vassilvitskii 2007) in OKLab (Ottosson 2020), clusters merged while any
    two are nearer than CIEDE2000 8. It works on a histogram, so the order of pixels, and thus
    mirroring, cannot change the result; the seed is fixed.
    """
    colours, weights = _histogram(pixels)
    oklab = linear_to_oklab(colours)
    centres = _refine(oklab, weights, _first_centres(oklab, weights))
    centres, shares = _merge(*_occupied(oklab, weights, centres))
    order = sorted(range(len(shares)), key=lambda i: (-shares[i], tuple(centres[i])))
    kept = [i for i in order if shares[i] >= SMALLEST_SHARE][:MOST_COLOURS]
    distances = _squared_distances(oklab, centres[kept]).min(axis=1)
    return Palette(
        colours=tuple(_named(centres[i], float(shares[i])) for i in kept),
        coverage=float(weights[distances <= NEAR**2].sum()),
    )


def _histogram(pixels: np.ndarray) -> tuple[Floats, Floats]:
    """Mean linear colour and share of every occupied cell, 32 levels a channel."""
    channels = [pixels[..., channel].ravel() for channel in range(3)]
    red, green, blue = (channel.astype(np.int32) >> 3 for channel in channels)
    codes = (red << 10) | (green << 5) | blue
    counts = np.bincount(codes, minlength=32**3)
    used = np.flatnonzero(counts)
    linear = LINEAR_OF_LEVEL.astype(np.float64)
    sums = [np.bincount(codes, linear[channel], 32**3)[used] for channel in channels]
    return np.stack(sums, axis=1) / counts[used, None], counts[used] / codes.size


def _first_centres(points: Floats, weights: Floats) -> Floats:
    draw = random.Random(SEED).random  # its stream is the same in every Python version
    chosen = [int(np.argmax(weights))]
    distances = _squared_distances(points, points[chosen])[:, 0]
    while len(chosen) < CLUSTERS:
        odds = np.cumsum(weights * distances)
        if odds[-1] <= 0:
            break
        chosen.append(min(int(np.searchsorted(odds, draw() * odds[-1])), len(points) - 1))
        newest = _squared_distances(points, points[chosen[-1:]])[:, 0]
        distances = np.minimum(distances, newest)
    return points[chosen]


def _refine(points: Floats, weights: Floats, centres: Floats) -> Floats:
    for _ in range(ROUNDS):
        moved = _occupied(points, weights, centres)[0]
        if moved.shape == centres.shape and np.abs(moved - centres).max() < STILL:
            break
        centres = moved
    return centres


def _occupied(points: Floats, weights: Floats, centres: Floats) -> tuple[Floats, Floats]:
    """Weighted means and shares of the clusters around ``centres``; empty ones fall out."""
    nearest = _squared_distances(points, centres).argmin(axis=1)
    shares: Floats = np.bincount(nearest, weights, len(centres)).astype(np.float64)
    sums = [np.bincount(nearest, weights * points[:, axis], len(centres)) for axis in range(3)]
    full = shares > 0
    return (np.stack(sums, axis=1)[full] / shares[full, None]), shares[full]


def _merge(centres: Floats, shares: Floats) -> tuple[Floats, Floats]:
    while len(centres) > 1:
        lab = linear_to_lab(oklab_to_linear(centres))
        apart = delta_e_2000(lab[:, None], lab[None]) + np.diag(np.full(len(lab), np.inf))
        i, j = divmod(int(apart.argmin()), len(lab))
        if apart[i, j] >= SAME_COLOUR:
            break
        total = shares[i] + shares[j]
        merged = (centres[i] * shares[i] + centres[j] * shares[j]) / total
        centres = np.vstack([np.delete(centres, [i, j], axis=0), merged])
        shares = np.append(np.delete(shares, [i, j]), total)
    return centres, shares


def _squared_distances(points: Floats, centres: Floats) -> Floats:
    squares = (points**2).sum(axis=1)[:, None] - 2 * points @ centres.T + (centres**2).sum(axis=1)
    return np.asarray(squares.clip(0))


def _named(oklab: Floats, share: float) -> PaletteColour:
    linear = oklab_to_linear(oklab)
    return PaletteColour(to_hex(linear), share, nearest_name(linear_to_lab(linear)))

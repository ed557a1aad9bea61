"""Distances on the earth, and how long a way takes by a stated, simple model. Pure.

Figures are rounded where they are made, far above what two libraries' sines may differ by, so that order and bounds
are the same everywhere.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

EARTH_KM = 6371.0088
"""Mean radius of the earth (IUGG)."""
DISTANCE_DIGITS = 1
"""Kilometres are told to 0.1."""
DETOUR = 1.3
"""Way by road for each kilometre as the crow flies: no roads are known, so all are alike."""
SPEEDS_KM_H = {"drive": 80.0, "walk": 5.0, "fly": 800.0}
"""By means of travel; to fly is to go straight."""

Floats: TypeAlias = npt.NDArray[np.float64]


def distances_km(latitude: float, longitude: float, latitudes: Floats, longitudes: Floats) -> Floats:
    """Great-circle distances from a point to others, in km to 0.1. Degrees in; shapes (n,) in and out.

    Source: the haversine formula (Sinnott, Sky and Telescope 68, 1984), which is exact for near points, too.
    """
    phi, phis = np.radians(latitude), np.radians(latitudes)
    half = np.sin((phis - phi) / 2) ** 2
    half += np.cos(phi) * np.cos(phis) * np.sin(np.radians(longitudes - longitude) / 2) ** 2
    km: Floats = np.round(2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0))), DISTANCE_DIGITS)
    return km


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The same between two points."""
    return float(distances_km(latitude, longitude, np.array([other_latitude]), np.array([other_longitude]))[0])


def bearing(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> int:
    """Direction in which the great circle to another point sets out: whole degrees from 0 (north) by 90 (east)."""
    phi, other = np.radians(latitude), np.radians(other_latitude)
    turn = np.radians(other_longitude - longitude)
    east = np.sin(turn) * np.cos(other)
    north = np.cos(phi) * np.sin(other) - np.sin(phi) * np.cos(other) * np.cos(turn)
    return round(float(np.degrees(np.arctan2(east, north)))) % 360


def compass(degrees: int) -> str:
    """The nearest of the eight winds: "north", "north-east", ..."""
    names = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
    return names[(degrees * 2 + 45) // 90 % 8]


def travel_minutes(km: float, means: str) -> int:
    """Whole minutes for a great-circle distance in km, by a key of SPEEDS_KM_H."""
    way = km if means == "fly" else km * DETOUR
    return round(way / SPEEDS_KM_H[means] * 60)

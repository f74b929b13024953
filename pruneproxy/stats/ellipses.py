"""Standard deviation ellipses of a region of interest (Sec. 3.3.1; Tables 3.5 and 4.1)."""

from dataclasses import dataclass

import numpy as np

from pruneproxy.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Ellipse:
    """The contour of a fitted Gaussian at `multiplier` standard deviations, in log10 units.

    `length` and `width` are the longest and the shortest diameter; `centre` is (log10 weight decay, log10 learning
    rate); `angle` is the direction of the longest diameter in that plane, in degrees within (-90, 90]: -45 is a band
    on which the product of learning rate and weight decay is constant.
    """

    length: float
    width: float
    centre: tuple[float, float]
    angle: float
    points: int
    multiplier: float

    @property
    def confidence(self) -> float:
        """The level alpha of Table 3.5; a share 1 - alpha of draws from the Gaussian lies inside."""
        return confidence_level(self.multiplier)

    def outline(self, count: int = 181) -> np.ndarray:
        """(count, 2) points of the closed contour, in the coordinates of `centre`."""
        turn = np.linspace(0, 2 * np.pi, count)
        along = np.array([np.cos(np.radians(self.angle)), np.sin(np.radians(self.angle))])
        across = np.array([-along[1], along[0]])
        return (
            np.asarray(self.centre)
            + self.length / 2 * np.cos(turn)[:, None] * along
            + self.width / 2 * np.sin(turn)[:, None] * across
        )


def confidence_level(multiplier: float) -> float:
    """alpha = exp(-k^2 / 2), the mass of a bivariate normal outside its k-sigma ellipse (Table 3.5)."""
    return float(np.exp(-np.square(multiplier) / 2))


def diameters(covariance: np.ndarray, multiplier: float = 2.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Length, width and angle in degrees of the k-sigma ellipses of covariances of shape (..., 2, 2).

    The eigenvalues are (a + b) / 2 +- r with r = hypot((a - b) / 2, c), and a diameter is 2 k times the root of one.
    """
    a, b, c = covariance[..., 0, 0], covariance[..., 1, 1], covariance[..., 0, 1]
    middle, radius = (a + b) / 2, np.hypot((a - b) / 2, c)
    length = 2 * multiplier * np.sqrt(middle + radius)
    width = 2 * multiplier * np.sqrt(np.maximum(middle - radius, 0))
    return length, width, np.degrees(np.arctan2(2 * c, a - b)) / 2


def ellipse(points: np.ndarray, *, multiplier: float = 2.0, min_points: int = 5, ddof: int = 1) -> Ellipse | None:
    """The ellipse of (n, 2) `points`, or None for fewer than `min_points` (the thesis fits none below five, Table 4.1).

    `ddof` 1 divides the covariance by n - 1, 0 by n as maximum likelihood does; the thesis does not say which it used.
    """
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise UserError(f"expected points of shape (n, 2), got {points.shape}: use stats.log_points(frame)")
    if multiplier <= 0 or ddof not in (0, 1) or min_points < 2:
        raise UserError(
            f"expected multiplier > 0, ddof 0 or 1 and min_points >= 2, got {multiplier}, {ddof} and {min_points}"
        )
    if len(points) < min_points:
        return None
    length, width, angle = diameters(np.cov(points.T, ddof=ddof), multiplier)
    centre = tuple(float(value) for value in points.mean(axis=0))
    return Ellipse(
        length=float(length),
        width=float(width),
        centre=centre,
        angle=float(angle),
        points=len(points),
        multiplier=float(multiplier),
    )

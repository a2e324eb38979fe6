//! Places: clusters along made-up rivers, where people and streams are, and a few anywhere.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How many clusters.
const CLUSTERS: usize = 3_000;

/// The share of places that belong to no cluster.
const SCATTERED: f64 = 0.05;

/// Where cluster centres lie: a weight, then west, south, east, north. Boxes of land, roughly.
const REGIONS: [(f64, [f64; 4]); 9] = [
    (0.20, [-81.5, 43.2, -75.5, 46.5]),
    (0.19, [-76.0, 45.2, -70.5, 48.0]),
    (0.12, [-67.0, 44.5, -62.0, 47.3]),
    (0.05, [-58.5, 47.8, -54.0, 49.8]),
    (0.17, [-114.0, 49.3, -97.0, 53.0]),
    (0.14, [-123.5, 49.3, -115.5, 54.0]),
    (0.06, [-94.0, 48.5, -80.0, 51.5]),
    (0.05, [-75.0, 48.5, -66.0, 52.5]),
    (0.02, [-135.0, 58.0, -105.0, 65.0]),
];

struct Cluster {
    centre: (f64, f64),
    along: (f64, f64),
    across: (f64, f64),
}

/// A source of positions.
pub(super) struct Places {
    clusters: Vec<Cluster>,
    weights: Vec<f64>,
}

impl Places {
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x706c_6163_6573);
        let mut clusters = Vec::with_capacity(CLUSTERS);
        let mut weights = Vec::with_capacity(CLUSTERS);
        let mut total = 0.0;
        for rank in 0..CLUSTERS {
            let [west, south, east, north] = region(rng.random());
            let bearing = rng.random_range(0.0..std::f64::consts::PI);
            // A river's reach is long and narrow.
            let length: f64 = 10f64.powf(rng.random_range(-1.9..-0.7));
            let width = length * rng.random_range(0.05..0.3);
            clusters.push(Cluster {
                centre: (rng.random_range(west..east), rng.random_range(south..north)),
                along: (length * bearing.cos() * 1.4, length * bearing.sin()),
                across: (-width * bearing.sin() * 1.4, width * bearing.cos()),
            });
            total += 1.0 / (rank as f64 + 12.0).powf(0.9);
            weights.push(total);
        }
        weights.iter_mut().for_each(|w| *w /= total);
        Self { clusters, weights }
    }

    /// Longitude and latitude, to the millionth of a degree.
    pub fn next(&self, rng: &mut ChaCha8Rng) -> (f64, f64) {
        let chosen: f64 = rng.random();
        let (x, y) = if chosen < SCATTERED {
            let [west, south, east, north] = region(chosen / SCATTERED);
            (rng.random_range(west..east), rng.random_range(south..north))
        } else {
            let share = (chosen - SCATTERED) / (1.0 - SCATTERED);
            let i = self.weights.partition_point(|w| *w < share);
            let c = &self.clusters[i.min(self.clusters.len() - 1)];
            let (a, b) = gauss(rng);
            (
                c.centre.0 + a * c.along.0 + b * c.across.0,
                c.centre.1 + a * c.along.1 + b * c.across.1,
            )
        };
        (micro(x.clamp(-141.0, -52.0)), micro(y.clamp(41.7, 83.0)))
    }
}

fn region(share: f64) -> [f64; 4] {
    let mut left = share;
    for (weight, corners) in REGIONS {
        if left < weight {
            return corners;
        }
        left -= weight;
    }
    REGIONS[0].1
}

/// Rounds to the millionth of a degree, a tenth of a metre.
pub(super) fn micro(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}

/// Two independent draws from the normal distribution (Box and Muller).
pub(super) fn gauss(rng: &mut ChaCha8Rng) -> (f64, f64) {
    let u: f64 = rng.random::<f64>().max(f64::MIN_POSITIVE);
    let v: f64 = rng.random::<f64>() * std::f64::consts::TAU;
    let r = (-2.0 * u.ln()).sqrt();
    (r * v.cos(), r * v.sin())
}

/// The province or territory, roughly: enough for a column of plausible codes.
pub(super) fn province((x, y): (f64, f64)) -> &'static str {
    let west_to_east = [
        (-120.0, "bc"),
        (-110.0, "ab"),
        (-101.5, "sk"),
        (-95.0, "mb"),
        (-79.5, "on"),
        (-74.4, if y < 45.2 { "on" } else { "qc" }),
        (-68.0, "qc"),
        (-64.5, "nb"),
        (-59.8, "ns"),
    ];
    if y > 60.0 {
        return if x < -124.0 {
            "yt"
        } else if x < -110.0 {
            "nt"
        } else {
            "nu"
        };
    }
    west_to_east
        .iter()
        .find(|(east, _)| x < *east)
        .map_or("nl", |(_, code)| code)
}

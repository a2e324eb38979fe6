//! What clients of a map and of programs ask, in the shares in which they do: hardly ever the same twice.

use std::io::{Error, Result};
use std::sync::Arc;

use crate::client::Client;

/// What is asked, and how often of a hundred.
pub const KINDS: [(&str, u64); 7] = [
    ("tile", 40),
    ("list by box", 20),
    ("one feature", 15),
    ("nearest five", 10),
    ("name filter", 7),
    ("types", 5),
    ("CSV by box", 3),
];
/// Features around which the questions are.
const PLACES: u64 = 2000;
/// Parts of the made-up names.
const WORDS: [&str; 16] = [
    "Bel", "Dun", "Har", "Mont", "Riv", "Val", "abrook", "efield", "ibois", "igan", "ogama",
    "onville", "umont", "wick", "ington", "oche",
];

/// A question.
pub struct Question {
    /// Its place in [`KINDS`].
    pub kind: usize,
    pub path: String,
}

/// Features that are there: an identifier and a place each.
#[derive(Clone)]
pub struct Mix {
    places: Arc<Vec<(String, f64, f64)>>,
    /// Tiles are asked for instead.
    without: Option<usize>,
}

impl Mix {
    pub async fn of(at: &str, without: Option<&str>) -> Result<Self> {
        let mut client = Client::connect(at).await?;
        let path =
            format!("/cabd-api/features/dams?attributes=simple&max-results={PLACES}&format=csv");
        let (_, body) = client.body(&path).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        // The identifier comes first, the place last: POINT (-75.5 45.4)
        let read = |line: &str| {
            let id = line.get(..36)?.to_owned();
            let (_, place) = line.trim_end().rsplit_once("POINT (")?;
            let (x, y) = place.trim_end_matches([')', '"']).split_once(' ')?;
            Some((id, x.parse().ok()?, y.parse().ok()?))
        };
        let all: Vec<_> = text.lines().skip(1).filter_map(read).collect();
        match all.is_empty() {
            true => Err(Error::other("the inventory has no dams")),
            false => Ok(Self {
                places: Arc::new(all),
                without: without.and_then(|w| KINDS.iter().position(|(name, _)| *name == w)),
            }),
        }
    }

    /// The question that a client asks as its `step`th.
    pub fn question(&self, client: usize, step: usize) -> Question {
        let mut random = Random::of(client, step);
        let mut share = random.below(100);
        let kind = KINDS.iter().position(|(_, of)| {
            let found = share < *of;
            share = share.saturating_sub(*of);
            found
        });
        let kind = kind.filter(|k| self.without != Some(*k)).unwrap_or(0);
        let (id, x, y) = &self.places[random.below(self.places.len() as u64) as usize];
        let (x, y) = (x + random.within(0.3), y + random.within(0.2));
        let half = 0.05 + random.within(0.04);
        let bbox = format!(
            "{:.5},{:.5},{:.5},{:.5}",
            x - half,
            y - half,
            x + half,
            y + half
        );
        let path = match KINDS[kind].0 {
            "tile" => {
                let z = 5 + random.below(9) as u32;
                let (column, row) = tile(z, x, y);
                let of = if random.below(2) == 0 { "" } else { "dams/" };
                format!("tiles/{of}{z}/{column}/{row}.mvt")
            }
            "list by box" => {
                format!("features/dams?bbox={bbox}&attributes=simple&max-results=100")
            }
            "one feature" => format!("features/dams/{id}"),
            "nearest five" => format!("features/dams?point={x:.5},{y:.5}&max-results=5"),
            "name filter" => {
                let words = WORDS.len() as u64;
                let word = format!(
                    "{}{}",
                    WORDS[random.below(6) as usize],
                    WORDS[(6 + random.below(words - 6)) as usize]
                );
                format!("features/dams?namefilter=like:{word}&attributes=simple&max-results=20")
            }
            "types" => {
                ["features/types", "features/types/dams"][random.below(2) as usize].to_owned()
            }
            _ => format!("features/barriers?bbox={bbox}&format=csv&max-results=50"),
        };
        Question {
            kind,
            path: format!("/cabd-api/{path}"),
        }
    }
}

fn tile(z: u32, x: f64, y: f64) -> (u32, u32) {
    let n = f64::from(1u32 << z);
    let s = y.to_radians().sin();
    let row = 0.5 - ((1.0 + s) / (1.0 - s)).ln() / (4.0 * std::f64::consts::PI);
    (((x / 360.0 + 0.5) * n) as u32, (row * n) as u32)
}

/// Numbers that are the same in each run (SplitMix64).
struct Random(u64);

impl Random {
    fn of(client: usize, step: usize) -> Self {
        Self((client as u64) << 32 | step as u64)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// From `-most` to `most`.
    fn within(&mut self, most: f64) -> f64 {
        (self.next() as f64 / u64::MAX as f64 * 2.0 - 1.0) * most
    }
}

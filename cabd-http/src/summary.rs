//! Counts of features by the values of attributes: one walk over the rows that pass, memory bounded by the values.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType as ArrowType, Date32Type, Float64Type, Int64Type};
use cabd_core::catalog::{Attribute, FeatureType};
use cabd_core::query::Selection;
use cabd_core::{DataType, FeatureQuery, Result, Store, Value, time};
use futures::TryStreamExt;
use serde_json::{Value as Json, json};

/// Different values of one attribute that are counted apart; further ones are counted together.
const KEPT_VALUES: usize = 10_000;
/// Values that an answer names, those with most features.
const NAMED_VALUES: usize = 2_000;
/// Steps of a histogram, about.
const STEPS: f64 = 24.0;
/// Fine steps below one step, so that the last steps can be joined where few features have large values.
const FINE: f64 = 64.0;
/// The share of features that the steps before the last show.
const SHOWN: f64 = 0.98;

/// Whether features can be counted by this attribute.
pub(crate) fn can_count(a: &Attribute) -> bool {
    matches!(
        a.data_type,
        DataType::Integer
            | DataType::Double
            | DataType::Numeric
            | DataType::Date
            | DataType::Boolean
            | DataType::Text(_)
    )
}

/// Whether the values are numbers with an order, and not codes.
fn is_range(a: &Attribute) -> bool {
    let number = matches!(
        a.data_type,
        DataType::Integer | DataType::Double | DataType::Numeric | DataType::Date
    );
    number && a.codes.is_none()
}

/// Counts the features that pass by each attribute, and all of them.
pub(crate) async fn count(
    store: &dyn Store,
    ft: &FeatureType,
    query: &FeatureQuery,
    by: &[&Attribute],
) -> Result<Json> {
    let mut query = query.clone();
    query.select = Selection::Attributes(by.iter().map(|a| a.id.clone()).collect());
    query.geometry = false;
    let mut tallies: Vec<Tally> = by.iter().map(|a| Tally::of(a)).collect();
    let mut total = 0_u64;
    let mut batches = store.features(&query).await?.batches;
    while let Some(batch) = batches.try_next().await? {
        total += batch.rows() as u64;
        for (a, tally) in by.iter().zip(&mut tallies) {
            if let Some(column) = batch.batch.column_by_name(&a.id) {
                tally.add(column);
            }
        }
    }
    let summaries = by.iter().zip(tallies).map(|(a, tally)| tally.json(a));
    Ok(json!({"type": ft.id(), "total": total, "summaries": summaries.collect::<Vec<_>>()}))
}

/// What was counted of one attribute.
enum Tally {
    Words {
        counts: HashMap<String, u64>,
        more: u64,
        missing: u64,
    },
    Ints {
        counts: HashMap<i64, u64>,
        more: u64,
        missing: u64,
    },
    Bools {
        counts: [u64; 2],
        missing: u64,
    },
    Range(Sketch),
}

impl Tally {
    fn of(a: &Attribute) -> Self {
        match a.data_type {
            _ if is_range(a) => Tally::Range(Sketch::default()),
            DataType::Integer => Tally::Ints {
                counts: HashMap::new(),
                more: 0,
                missing: 0,
            },
            DataType::Boolean => Tally::Bools {
                counts: [0; 2],
                missing: 0,
            },
            _ => Tally::Words {
                counts: HashMap::new(),
                more: 0,
                missing: 0,
            },
        }
    }

    fn add(&mut self, column: &ArrayRef) {
        match self {
            Tally::Words {
                counts,
                more,
                missing,
            } => words(column, counts, more, missing),
            Tally::Ints {
                counts,
                more,
                missing,
            } if *column.data_type() == ArrowType::Int64 => {
                for value in column.as_primitive::<Int64Type>() {
                    tally(counts, value, more, missing);
                }
            }
            Tally::Bools { counts, missing } if *column.data_type() == ArrowType::Boolean => {
                for value in column.as_boolean() {
                    match value {
                        Some(v) => counts[usize::from(v)] += 1,
                        None => *missing += 1,
                    }
                }
            }
            Tally::Range(sketch) => sketch.column(column),
            // Counted as what it is not.
            Tally::Ints { missing, .. } | Tally::Bools { missing, .. } => {
                *missing += column.len() as u64;
            }
        }
    }

    fn json(self, a: &Attribute) -> Json {
        match self {
            Tally::Words {
                counts,
                more,
                missing,
            } => named(a, counts, more, missing),
            Tally::Ints {
                counts,
                more,
                missing,
            } => named(a, counts, more, missing),
            Tally::Bools { counts, missing } => {
                let found = [(true, counts[1]), (false, counts[0])].into_iter();
                let found = found.filter(|(_, n)| *n > 0).collect();
                named(a, found, 0, missing)
            }
            Tally::Range(sketch) => sketch.json(a),
        }
    }
}

/// Counts one value where there is room for it.
fn tally<K: std::hash::Hash + Eq>(
    counts: &mut HashMap<K, u64>,
    value: Option<K>,
    more: &mut u64,
    missing: &mut u64,
) {
    let Some(value) = value else {
        *missing += 1;
        return;
    };
    let room = counts.len() < KEPT_VALUES;
    match counts.get_mut(&value) {
        Some(n) => *n += 1,
        None if room => {
            counts.insert(value, 1);
        }
        None => *more += 1,
    }
}

fn words(column: &ArrayRef, counts: &mut HashMap<String, u64>, more: &mut u64, missing: &mut u64) {
    let Ok(plain) = arrow::compute::cast(column, &ArrowType::Utf8) else {
        *missing += column.len() as u64;
        return;
    };
    for value in plain.as_string::<i32>() {
        match value.and_then(|v| counts.get_mut(v)) {
            Some(n) => *n += 1,
            None => tally(counts, value.map(str::to_owned), more, missing),
        }
    }
}

fn named<K: Into<Json> + Ord>(
    a: &Attribute,
    counts: HashMap<K, u64>,
    more: u64,
    missing: u64,
) -> Json {
    let mut counts: Vec<(K, u64)> = counts.into_iter().collect();
    counts.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
    let unnamed: u64 = counts.iter().skip(NAMED_VALUES).map(|(_, n)| n).sum();
    counts.truncate(NAMED_VALUES);
    let values = counts
        .into_iter()
        .map(|(value, n)| json!({"value": value.into(), "count": n}));
    json!({
        "attribute": a.id,
        "values": values.collect::<Vec<_>>(),
        "more": unnamed + more,
        "missing": missing,
    })
}

/// Numbers in fine steps whose width doubles where the range grows, so that one walk is enough.
#[derive(Default)]
struct Sketch {
    /// Width of a fine step, a power of two; nothing counted yet where it is zero.
    width: f64,
    counts: HashMap<i64, u64>,
    bounds: Option<(f64, f64)>,
    missing: u64,
}

impl Sketch {
    fn column(&mut self, column: &ArrayRef) {
        match column.data_type() {
            ArrowType::Int64 => {
                let all = column.as_primitive::<Int64Type>();
                all.iter().for_each(|v| self.add(v.map(|v| v as f64)));
            }
            ArrowType::Float64 => {
                let all = column.as_primitive::<Float64Type>();
                all.iter().for_each(|v| self.add(v));
            }
            ArrowType::Date32 => {
                let all = column.as_primitive::<Date32Type>();
                all.iter().for_each(|v| self.add(v.map(f64::from)));
            }
            _ => self.missing += column.len() as u64,
        }
    }

    fn add(&mut self, value: Option<f64>) {
        let Some(value) = value.filter(|v| v.is_finite()) else {
            self.missing += 1;
            return;
        };
        let (low, high) = self.bounds.unwrap_or((value, value));
        let (low, high) = (low.min(value), high.max(value));
        self.bounds = Some((low, high));
        if self.width == 0.0 {
            self.width = (value.abs() * f64::EPSILON * 1e6).max(1e-9);
            self.width = self.width.log2().ceil().exp2();
        }
        while (high - low) / self.width > STEPS * FINE * 4.0 {
            self.width *= 2.0;
            let mut wider = HashMap::with_capacity(self.counts.len());
            for (step, n) in self.counts.drain() {
                *wider.entry(step.div_euclid(2)).or_insert(0) += n;
            }
            self.counts = wider;
        }
        let step = (value / self.width).floor() as i64;
        *self.counts.entry(step).or_insert(0) += 1;
    }

    fn json(self, a: &Attribute) -> Json {
        let Some((low, high)) = self.bounds else {
            return json!({"attribute": a.id, "bins": [], "min": null, "max": null, "missing": self.missing});
        };
        let mut fine: Vec<(f64, u64)> = self
            .counts
            .iter()
            .map(|(step, n)| ((*step as f64 + 0.5) * self.width, *n))
            .collect();
        fine.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let total: u64 = fine.iter().map(|(_, n)| n).sum();
        let mut before = 0_u64;
        let most = fine
            .iter()
            .find(|(_, n)| {
                before += n;
                before as f64 >= total as f64 * SHOWN
            })
            .map_or(high, |(v, _)| *v);
        let whole = !matches!(a.data_type, DataType::Double | DataType::Numeric);
        let step = nice((most - low) / STEPS, whole);
        let first = (low / step).floor() * step;
        let last = ((most - first) / step).floor().max(0.0);
        let mut bins = vec![0_u64; last as usize + 1];
        for (value, n) in fine {
            let at = ((value - first) / step).floor().clamp(0.0, last) as usize;
            bins[at] += n;
        }
        let shown = |v: f64| number(a, v);
        let end = bins.len();
        let bins = bins.into_iter().enumerate().map(|(i, n)| {
            let from = first + i as f64 * step;
            let to = from + step;
            let to = if i + 1 == end { to.max(high) } else { to };
            json!({"from": shown(from), "to": shown(to), "count": n})
        });
        json!({
            "attribute": a.id,
            "bins": bins.collect::<Vec<_>>(),
            "min": shown(low),
            "max": shown(high),
            "missing": self.missing,
        })
    }
}

/// A round width of at least this: 1, 2 or 5 times a power of ten.
fn nice(width: f64, whole: bool) -> f64 {
    let least = if whole { 1.0 } else { 1e-6 };
    let width = width.max(least);
    let power = 10_f64.powf(width.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power);
    round
        .into_iter()
        .find(|w| *w >= width * 0.999_999)
        .unwrap_or(width)
}

fn number(a: &Attribute, v: f64) -> Json {
    match a.data_type {
        DataType::Date => time::date_from_days(v.round() as i32)
            .map_or(Value::Null, Value::Date)
            .to_json(),
        DataType::Integer => json!(v.round() as i64),
        // Without the noise of sums of steps.
        _ => json!((v * 1e6).round() / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(values: &[f64]) -> Sketch {
        let mut s = Sketch::default();
        values.iter().for_each(|v| s.add(Some(*v)));
        s
    }

    #[test]
    fn a_sketch_counts_every_value_once_and_stays_small() {
        let values: Vec<f64> = (0..100_000).map(|i| f64::from(i % 977) * 3.7).collect();
        let s = sketch(&values);
        assert_eq!(s.counts.values().sum::<u64>(), 100_000);
        assert!(s.counts.len() <= (STEPS * FINE * 4.0) as usize + 2);
        assert_eq!(s.bounds, Some((0.0, 976.0 * 3.7)));
    }

    #[test]
    fn widths_are_round() {
        assert_eq!(nice(0.3, false), 0.5);
        assert_eq!(nice(7.2, false), 10.0);
        assert_eq!(nice(0.3, true), 1.0);
        assert_eq!(nice(2.0, false), 2.0);
    }

    #[test]
    fn values_beyond_the_room_are_counted_together() {
        let (mut counts, mut more, mut missing) = (HashMap::new(), 0, 0);
        for i in 0..KEPT_VALUES + 5 {
            tally(&mut counts, Some(i), &mut more, &mut missing);
        }
        tally(&mut counts, None::<usize>, &mut more, &mut missing);
        assert_eq!((counts.len(), more, missing), (KEPT_VALUES, 5, 1));
    }
}

//! How the values of a column are made: by its name where it is known, else by its data type.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::places::{gauss, micro, province};
use super::{KEY, Row, SOURCED, words};
use crate::catalog::{Attribute, Catalog, FeatureType, Part, Relation, Table};
use crate::geometry::{Geometry, GeometryKind};
use crate::lang::Lang;
use crate::time::{Date, Timestamp, date_from_days};
use crate::value::{DataType, ElementType, Value};

/// Days after 1970 of 1985-01-01 and 2025-01-01.
const DAYS: std::ops::Range<i32> = 5_479..20_089;

/// A generator of one column's values.
pub(super) struct Generator {
    /// The share of nulls, of 2³².
    nulls: u32,
    kind: Kind,
}

enum Kind {
    Feature,
    Own,
    Source,
    SourceKey,
    Place(GeometryKind, f64),
    Always(Value),
    /// Codes, and the running total of their weights, the last one 2³².
    Codes(Vec<(Value, u64)>),
    CodeList(Vec<Value>),
    Province,
    Name(Option<usize>, Lang),
    Comments,
    Uuid,
    Bool,
    Date,
    Timestamp,
    Integer(i64, i64),
    /// Whole years, newer ones more often.
    Year(i64, i64),
    LogNormal {
        ln_median: f64,
        spread: f64,
        range: [f64; 2],
    },
}

impl Generator {
    fn new(nulls: f64, kind: Kind) -> Self {
        Self {
            nulls: (nulls * f64::from(u32::MAX)) as u32,
            kind,
        }
    }

    pub fn value(&self, row: &mut Row<'_>) -> Value {
        if self.nulls > 0 && row.rng.random::<u32>() < self.nulls {
            return Value::Null;
        }
        match &self.kind {
            Kind::Feature => Value::Uuid(row.feature),
            Kind::Own => Value::Uuid(row.own),
            Kind::Source => Value::Uuid(row.source),
            Kind::SourceKey => Value::Text(format!("synthetic-{}", row.number)),
            Kind::Place(kind, jitter) => place(*kind, *jitter, row),
            Kind::Always(v) => v.clone(),
            Kind::Codes(codes) => {
                let draw = u64::from(row.rng.random::<u32>());
                let i = codes.partition_point(|(_, w)| *w <= draw);
                codes.get(i).map_or(Value::Null, |(v, _)| v.clone())
            }
            Kind::CodeList(codes) => {
                let many = row.rng.random_range(0..=codes.len().min(3));
                let pick = |_| codes[row.rng.random_range(0..codes.len())].clone();
                Value::List((0..many).map(pick).collect())
            }
            Kind::Province => Value::from(province(row.place)),
            Kind::Name(kind, lang) => Value::Text(words::name(row.rng, *kind, *lang)),
            Kind::Comments => Value::from("synthetic"),
            Kind::Uuid => {
                Value::Uuid(uuid::Builder::from_random_bytes(row.rng.random()).into_uuid())
            }
            Kind::Bool => Value::Bool(row.rng.random::<u32>() % 10 < 7),
            Kind::Date => Value::Date(date(row.rng)),
            Kind::Timestamp => timestamp(row.rng),
            Kind::Integer(low, high) => Value::Int(row.rng.random_range(*low..=*high)),
            Kind::Year(low, high) => {
                let share = row.rng.random::<f64>().sqrt();
                Value::Int(low + ((high - low) as f64 * share) as i64)
            }
            Kind::LogNormal {
                ln_median,
                spread,
                range: [low, high],
            } => {
                let v = (ln_median + spread * gauss(row.rng).0).exp();
                Value::Double(((v.clamp(*low, *high)) * 100.0).round() / 100.0)
            }
        }
    }
}

fn date(rng: &mut ChaCha8Rng) -> Date {
    date_from_days(rng.random_range(DAYS)).unwrap_or_default()
}

fn timestamp(rng: &mut ChaCha8Rng) -> Value {
    let days = i64::from(rng.random_range(DAYS));
    let second = days * 86_400 + rng.random_range(0..86_400);
    Timestamp::from_second(second).map_or(Value::Null, Value::Timestamp)
}

fn place(kind: GeometryKind, jitter: f64, row: &mut Row<'_>) -> Value {
    let (mut x, mut y) = row.place;
    if jitter > 0.0 {
        let (a, b) = gauss(row.rng);
        (x, y) = (micro(x + a * jitter), micro(y + b * jitter));
    }
    let step = 0.002;
    let mut walk = |n: u32| -> Vec<(f64, f64)> {
        let mut at = (x, y);
        let mut line = vec![at];
        for _ in 0..n {
            let (a, b) = gauss(row.rng);
            at = (micro(at.0 + step * (1.0 + a)), micro(at.1 + step * b));
            line.push(at);
        }
        line
    };
    let line = |v: Vec<(f64, f64)>| geo_types::LineString::from(v);
    let square = |x: f64, y: f64| {
        let ring = vec![
            (x, y),
            (x + step, y),
            (x + step, y + step),
            (x, y + step),
            (x, y),
        ];
        geo_types::Polygon::new(line(ring), vec![])
    };
    let made: geo_types::Geometry<f64> = match kind {
        GeometryKind::Point | GeometryKind::Geometry => {
            return Value::Geometry(Geometry::point(x, y));
        }
        GeometryKind::LineString => line(walk(6)).into(),
        GeometryKind::Polygon => square(x, y).into(),
        GeometryKind::MultiPoint => geo_types::MultiPoint::from(walk(3)).into(),
        GeometryKind::MultiLineString => {
            geo_types::MultiLineString::new(vec![line(walk(4))]).into()
        }
        GeometryKind::MultiPolygon => geo_types::MultiPolygon::new(vec![square(x, y)]).into(),
    };
    Geometry::from_geo(&made).map_or(Value::Null, Value::Geometry)
}

/// The generator of a table's column; none where the column stays empty.
pub(super) fn generator(
    catalog: &Catalog,
    ft: &FeatureType,
    table: &Table,
    column: usize,
) -> Option<Generator> {
    let c = &table.columns[column];
    let always = |kind| Some(Generator::new(0.0, kind));
    match &table.relation {
        Relation::Part(_, part) => {
            if let Some(found) = ft.part(part).and_then(|p| part_column(p, &c.name)) {
                return always(found);
            }
        }
        Relation::FeatureSource(_) => {
            return always(match c.name.as_str() {
                KEY => Kind::Feature,
                "datasource_id" => Kind::Source,
                _ => Kind::SourceKey,
            });
        }
        Relation::AttributeSource(_) => {
            return if c.name == KEY {
                always(Kind::Feature)
            } else {
                Some(Generator::new(1.0 - SOURCED, Kind::Source))
            };
        }
        _ => {}
    }
    if c.name == KEY {
        return always(Kind::Feature);
    }
    if let DataType::Geometry(kind) = c.data_type {
        return geometry(table, column, kind);
    }
    let attribute = c.attribute.as_deref().and_then(|a| ft.attribute(a))?;
    let nulls = if c.nullable { nulls(attribute) } else { 0.0 };
    let list = attribute.codes.as_deref().and_then(|l| catalog.list(l));
    if let Some(list) = list {
        let codes: Vec<Value> = list.codes.iter().map(|k| k.code.to_value()).collect();
        if codes.is_empty() {
            return None;
        }
        let kind = match c.data_type {
            DataType::Array(_) => Kind::CodeList(codes),
            _ if provinces(&codes) => Kind::Province,
            _ => Kind::Codes(weighted(codes)),
        };
        return Some(Generator::new(nulls, kind));
    }
    kind_of(attribute, !c.nullable).map(|kind| Generator::new(nulls, kind))
}

fn part_column(part: &Part, name: &str) -> Option<Kind> {
    if name == part.key {
        Some(Kind::Own)
    } else if name == part.parent {
        Some(Kind::Feature)
    } else if name == part.primary {
        Some(Kind::Always(true.into()))
    } else if name == part.order {
        Some(Kind::Always(1.into()))
    } else {
        None
    }
}

fn geometry(table: &Table, column: usize, kind: GeometryKind) -> Option<Generator> {
    if table.geometry_input == Some(column) {
        return Some(Generator::new(0.0, Kind::Place(kind, 0.0)));
    }
    // The better column of an effective geometry is close to the first place, and not always known.
    let better = table
        .effective
        .as_ref()
        .is_some_and(|e| e.from.contains(&column));
    better.then(|| Generator::new(0.3, Kind::Place(kind, 0.0005)))
}

fn nulls(a: &Attribute) -> f64 {
    let id = a.id.as_str();
    if id == "comments" || id == "use_analysis" || id.starts_with("last_modified") {
        0.0
    } else if id.ends_with("name_en") || a.codes.is_some() {
        0.25
    } else if id.ends_with("name_fr") || id.starts_with("use_") {
        0.7
    } else if id == "height_m" || id == "construction_year" || a.tile {
        0.35
    } else {
        0.6
    }
}

/// The first codes of a list are the common ones.
fn weighted(codes: Vec<Value>) -> Vec<(Value, u64)> {
    let weight = |i: usize| 1.0 / (i as f64 + 1.5);
    let all: f64 = (0..codes.len()).map(weight).sum();
    let last = codes.len() - 1;
    let mut total = 0.0;
    codes
        .into_iter()
        .enumerate()
        .map(|(i, code)| {
            total += weight(i) / all;
            let bound = if i == last {
                1u64 << 32
            } else {
                (total * 4_294_967_296.0) as u64
            };
            (code, bound)
        })
        .collect()
}

fn provinces(codes: &[Value]) -> bool {
    ["bc", "on", "qc", "nl", "yt"]
        .iter()
        .all(|p| codes.contains(&Value::from(*p)))
}

fn kind_of(a: &Attribute, required: bool) -> Option<Kind> {
    let id = a.id.as_str();
    let range = a.plausible.unwrap_or([0.0, 1e6]);
    let log = |median: f64, spread: f64| Kind::LogNormal {
        ln_median: median.ln(),
        spread,
        range,
    };
    Some(match &a.data_type {
        DataType::Text(limit) => {
            if id == "comments" {
                return Some(Kind::Comments);
            }
            let named = id.contains("name") || matches!(id, "owner" | "municipality");
            if limit.is_some_and(|n| n < 40) || !(named || required) {
                return required.then(|| Kind::Always("s".into()));
            }
            let lang = if id.ends_with("_fr") {
                Lang::Fr
            } else {
                Lang::En
            };
            Kind::Name(words::kind_of(id), lang)
        }
        DataType::Integer if id.contains("year") || id.contains("end_of_life") => {
            let [low, high] = a.plausible.unwrap_or([1900.0, 2024.0]);
            Kind::Year(
                low.max(1850.0) as i64,
                high.min(2024.0).max(low + 1.0) as i64,
            )
        }
        DataType::Integer => {
            let [low, high] = a.plausible.unwrap_or([0.0, 20.0]);
            Kind::Integer(low as i64, (high as i64).min(low as i64 + 1_000))
        }
        DataType::Double | DataType::Numeric => {
            if id.contains("height") {
                log(4.0, 0.9)
            } else if id.contains("length") {
                log(80.0, 1.2)
            } else if id.contains("area") {
                log(2.0, 2.0)
            } else {
                log(10.0, 1.4)
            }
        }
        DataType::Boolean => Kind::Bool,
        DataType::Date => Kind::Date,
        DataType::Timestamp => Kind::Timestamp,
        DataType::Uuid if required => Kind::Uuid,
        DataType::Array(ElementType::Double) => Kind::Always(Value::List(vec![0.5.into()])),
        DataType::Uuid | DataType::Url | DataType::Geometry(_) | DataType::Array(_) => return None,
    })
}

//! Random questions, mostly answerable.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::changes::Model;
use super::values::{self, pick};
use crate::catalog::{Attribute, Catalog, CodeKey, FeatureType};
use crate::geometry::Bbox;
use crate::lang::Lang;
use crate::page::Near;
use crate::query::{FeatureQuery, Filter, NameFilter, Operator, Selection, Sort};
use crate::value::{DataType, ElementType, Value};

const TYPES: [&str; 16] = [
    "weirs",
    "weirs",
    "weirs",
    "WEIRS",
    "falls",
    "ladders",
    "sites",
    "sites",
    "models",
    "reaches",
    "basins",
    "obstacles",
    "obstacles",
    "everything",
    "everything",
    "shapes",
];

pub(super) fn question(catalog: &Catalog, model: &Model, rng: &mut ChaCha8Rng) -> FeatureQuery {
    let t = TYPES.choose(rng).unwrap();
    let mut q = FeatureQuery::of(*t);
    let ft = catalog.feature_type(t).unwrap().clone();
    q.lang = *[Lang::En, Lang::Fr].choose(rng).unwrap();
    q.geometry = rng.random_bool(0.8);
    q.sources = rng.random_bool(0.25);
    q.batch_rows = *[1, 3, 10, 4096].choose(rng).unwrap();
    if rng.random_bool(0.6) {
        q.filter = Some(filter(catalog, &ft, model, rng, 0));
    }
    if rng.random_bool(0.15) {
        q.names = (0..rng.random_range(1..4)).map(|_| name(rng)).collect();
    }
    if rng.random_bool(0.1) {
        let ids = model.ids(None);
        q.ids = Some(
            (0..rng.random_range(0..9))
                .filter_map(|_| pick(rng, &ids).copied())
                .collect(),
        );
    }
    if rng.random_bool(if ft.is_super() { 0.3 } else { 0.02 }) {
        let members = ["weirs", "falls", "obstacles", "sites", "models", "reaches"];
        q.types = (0..rng.random_range(1..3))
            .map(|_| (*members.choose(rng).unwrap()).to_owned())
            .collect();
    }
    if rng.random_bool(0.3) {
        let (a, b) = (values::position(rng), values::position(rng));
        q.bbox = Some(Bbox::new(a.0, a.1, b.0, b.1).unwrap());
    }
    if rng.random_bool(0.15) {
        let corners = [0; 4].map(|_| values::position(rng));
        let corners = corners.map(|(x, y)| format!("{x} {y}"));
        let wkt = format!("POLYGON(({}, {}))", corners.join(","), corners[0]);
        // Many that are drawn at random cross themselves.
        q.area = wkt.parse().ok();
    }
    let near = rng.random_bool(0.15);
    if near {
        let (x, y) = values::position(rng);
        let mut near = Near::new(x, y).unwrap();
        if rng.random_bool(0.5) {
            near.within_m = Some(10f64.powf(rng.random_range(2.0..7.0)));
        }
        q.near = Some(near);
        // Distances are compared by the geometry.
        q.geometry = true;
    }
    q.select = selection(&ft, rng);
    if (!near && rng.random_bool(0.5)) || rng.random_bool(0.01) {
        for _ in 0..rng.random_range(1..4) {
            let a = pick(rng, &ft.attributes).unwrap();
            let ordered = !matches!(a.data_type, DataType::Array(_) | DataType::Geometry(_));
            if ordered || rng.random_bool(0.02) {
                q.sort.push(Sort {
                    attribute: a.id.clone(),
                    descending: rng.random_bool(0.5),
                });
            }
        }
    }
    if rng.random_bool(0.5) {
        q.limit = Some(rng.random_range(0..30));
    }
    if rng.random_bool(0.15) {
        q.offset = rng.random_range(0..20);
    }
    q
}

fn selection(ft: &FeatureType, rng: &mut ChaCha8Rng) -> Selection {
    match rng.random_range(0..6) {
        0 => Selection::Set(
            (*["all", "simple", "limited", "vectortile"]
                .choose(rng)
                .unwrap())
            .to_owned(),
        ),
        1 => {
            let n = rng.random_range(0..6);
            let names = (0..n).map(|_| pick(rng, &ft.attributes).unwrap().id.clone());
            Selection::Attributes(names.collect())
        }
        _ => Selection::All,
    }
}

fn name(rng: &mut ChaCha8Rng) -> NameFilter {
    use Operator::{Eq, In, IsNull, Like, Neq, NotIn, NotNull};
    let operator = *[Like, Like, Like, Eq, In, Neq, NotIn, IsNull, NotNull]
        .choose(rng)
        .unwrap();
    let n = match operator {
        IsNull | NotNull => 0,
        In | NotIn => rng.random_range(1..4),
        _ => 1,
    };
    NameFilter {
        operator,
        values: (0..n).map(|_| values::text(rng, 40)).collect(),
    }
}

fn filter(
    catalog: &Catalog,
    ft: &FeatureType,
    model: &Model,
    rng: &mut ChaCha8Rng,
    depth: u32,
) -> Filter {
    if depth < 3 && rng.random_bool(0.4) {
        let n = rng.random_range(0..4);
        let mut inner = || filter(catalog, ft, model, rng, depth + 1);
        let all: Vec<Filter> = (0..n).map(|_| inner()).collect();
        return match rng.random_range(0..3) {
            0 => Filter::And(all),
            1 => Filter::Or(all),
            _ => Filter::Not(Box::new(Filter::Or(all))),
        };
    }
    let a = pick(rng, &ft.attributes).unwrap();
    if rng.random_bool(0.08) {
        return sourced(ft, a, model, rng);
    }
    let operator = operator(a, rng);
    let n = match operator {
        Operator::IsNull | Operator::NotNull | Operator::NoSource | Operator::HasSource => 0,
        Operator::In | Operator::NotIn => rng.random_range(1..5),
        _ => 1,
    };
    let values = (0..n).map(|_| value(catalog, ft, a, model, rng));
    let test = Filter::test(&a.id, operator, values.collect::<Vec<_>>());
    if rng.random_bool(0.2) {
        Filter::Not(Box::new(test))
    } else {
        test
    }
}

/// A test of sources, mostly of an attribute whose source may be tracked.
fn sourced(ft: &FeatureType, a: &Attribute, model: &Model, rng: &mut ChaCha8Rng) -> Filter {
    const TRACKED: [&str; 9] = [
        "height_m",
        "size",
        "weir_name_en",
        "stream_name",
        "name_en",
        "note",
        "passability_code",
        "passability",
        "is_blocked",
    ];
    let likely = *TRACKED.choose(rng).unwrap();
    let attribute = match ft.attribute(likely) {
        Some(a) if rng.random_bool(0.98) => &a.id,
        _ => &a.id,
    };
    use Operator::{From, HasSource, NoSource};
    let operator = *[From, From, NoSource, HasSource].choose(rng).unwrap();
    let n = if operator == From {
        rng.random_range(1..4)
    } else {
        0
    };
    let values = (0..n).map(|_| match pick(rng, model.sources()) {
        Some(id) if rng.random_bool(0.5) => Value::Uuid(*id),
        Some(id) => Value::Text(id.to_string()),
        None => Value::Uuid(crate::Uuid::nil()),
    });
    Filter::test(attribute, operator, values.collect::<Vec<_>>())
}

fn operator(a: &Attribute, rng: &mut ChaCha8Rng) -> Operator {
    use Operator::{Eq, Gt, Gte, In, IsNull, Like, Lt, Lte, Neq, NotIn, NotNull};
    if rng.random_bool(0.01) {
        return *Operator::ALL.choose(rng).unwrap();
    }
    let fitting: &[Operator] = match a.data_type {
        DataType::Text(_) | DataType::Url | DataType::Array(ElementType::Text) => {
            &[In, NotIn, Eq, Neq, Like, Like, IsNull, NotNull]
        }
        DataType::Boolean => &[Eq, Neq, IsNull, NotNull],
        DataType::Uuid | DataType::Array(_) => &[In, NotIn, Eq, Neq, IsNull, NotNull],
        DataType::Geometry(_) => &[IsNull, NotNull],
        _ => &[In, NotIn, Eq, Neq, Lt, Lte, Gt, Gte, IsNull, NotNull],
    };
    *fitting.choose(rng).unwrap()
}

fn value(
    catalog: &Catalog,
    ft: &FeatureType,
    a: &Attribute,
    model: &Model,
    rng: &mut ChaCha8Rng,
) -> Value {
    if rng.random_bool(0.01) {
        return values::text(rng, 40).into();
    }
    // A label or a code of the list.
    let of = a.label_of.as_deref().unwrap_or(&a.id);
    let list = ft
        .attribute(of)
        .and_then(|c| c.codes.as_deref())
        .and_then(|l| catalog.list(l));
    if let Some(list) = list
        && rng.random_bool(0.8)
        && let Some(code) = pick(rng, &list.codes)
    {
        if a.label_of.is_none() {
            return CodeKey::to_value(&code.code);
        }
        let lang = *Lang::ALL.choose(rng).unwrap();
        return code.name.get(lang).to_uppercase().into();
    }
    let data_type = match &a.data_type {
        DataType::Array(ElementType::Text) | DataType::Text(_) => DataType::Text(None),
        DataType::Array(ElementType::Integer) => DataType::Integer,
        DataType::Array(ElementType::Double) => DataType::Double,
        DataType::Geometry(_) => DataType::Text(None),
        other => other.clone(),
    };
    let drawn = match a.id.as_str() {
        "latitude" => values::position(rng).1.into(),
        "longitude" => values::position(rng).0.into(),
        "kind" | "feature_type" => {
            let words = ["built", "NATURAL", "weirs", "falls", "sites"];
            Value::from(*words.choose(rng).unwrap())
        }
        _ => values::value(rng, &data_type, &model.ids(None)),
    };
    // Also a fraction where whole numbers are kept, and the text of a value.
    match drawn {
        Value::Int(i) if i.unsigned_abs() < 10_000 && rng.random_bool(0.2) => {
            (i as f64 + 0.5).into()
        }
        Value::Double(d) if rng.random_bool(0.3) => d.to_string().into(),
        Value::Int(i) if rng.random_bool(0.3) => i.to_string().into(),
        other => other,
    }
}

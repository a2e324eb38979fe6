//! What each fault does to questions, answers, changes and the log.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::{Field, Schema, SchemaRef};

use super::Fault;
use crate::error::Result;
use crate::feature::{Action, FeatureBatch, Operation, Places};
use crate::geometry::Geometry;
use crate::lang::Lang;
use crate::query::{FeatureQuery, Filter, Operator};
use crate::store::{LogEntry, StoredRow};
use crate::value::Value;

impl Fault {
    pub(super) fn spoils_changes(self) -> bool {
        matches!(
            self,
            Fault::RowsBeforeAnErrorStay
                | Fault::DryRunWrites
                | Fault::SecondBatchLost
                | Fault::TextTrimmed
                | Fault::SinglePrecision
                | Fault::EmptyArrayIsNull
                | Fault::PutReplacesTheRow
                | Fault::ChildrenStay
                | Fault::HeadMovesForNothing
        )
    }
}

fn each_test(filter: &Filter, change: &dyn Fn(&str, Operator, &[Value]) -> Filter) -> Filter {
    let all = |f: &[Filter]| f.iter().map(|f| each_test(f, change)).collect();
    match filter {
        Filter::And(f) => Filter::And(all(f)),
        Filter::Or(f) => Filter::Or(all(f)),
        Filter::Not(f) => Filter::Not(Box::new(each_test(f, change))),
        Filter::Test {
            attribute,
            operator,
            values,
        } => change(attribute, *operator, values),
    }
}

/// `not (a = 1)` as SQL means it: unknown where `a` is null.
fn negation_forgets_nulls(filter: &Filter) -> Filter {
    match filter {
        Filter::Not(inner) => match &**inner {
            Filter::Test {
                attribute,
                operator,
                ..
            } if !matches!(operator, Operator::IsNull | Operator::NotNull) => filter
                .clone()
                .and(Filter::test(attribute, Operator::NotNull, [])),
            other => Filter::Not(Box::new(negation_forgets_nulls(other))),
        },
        Filter::And(f) => Filter::And(f.iter().map(negation_forgets_nulls).collect()),
        Filter::Or(f) => Filter::Or(f.iter().map(negation_forgets_nulls).collect()),
        test => match test {
            // `neq` and `notin` written as a negation with `or is null`.
            Filter::Test {
                attribute,
                operator: Operator::Neq | Operator::NotIn,
                ..
            } => Filter::Or(vec![
                test.clone(),
                Filter::test(attribute, Operator::IsNull, []),
            ]),
            other => other.clone(),
        },
    }
}

/// The question that the faulty store asks itself.
pub(super) fn query(fault: Fault, q: &FeatureQuery) -> FeatureQuery {
    let mut out = q.clone();
    let tests = |change: &dyn Fn(&str, Operator, &[Value]) -> Filter| {
        q.filter.as_ref().map(|f| each_test(f, change))
    };
    match fault {
        Fault::NegationForgetsNulls => out.filter = q.filter.as_ref().map(negation_forgets_nulls),
        Fault::LimitOffByOne => out.limit = q.limit.map(|l| l.saturating_add(1)),
        Fault::OffsetIgnored => out.offset = 0,
        Fault::BoxWithoutEdges => {
            if let Some(b) = &mut out.bbox
                && b.east - b.west > 1e-6
                && b.north - b.south > 1e-6
            {
                (b.west, b.south) = (b.west + 1e-10, b.south + 1e-10);
                (b.east, b.north) = (b.east - 1e-10, b.north - 1e-10);
            }
        }
        Fault::BoxOfBounds => {
            out.bbox = None;
            out.geometry = true;
        }
        Fault::OutlineOfBounds if q.bbox.is_none() => {
            out.bbox = out.area.take().map(|a| a.bounds());
        }
        Fault::OutlineForgotten if q.bbox.is_some() => out.area = None,
        Fault::NearByDegrees if q.near.is_some() => {
            (out.limit, out.offset, out.geometry) = (None, 0, true);
        }
        Fault::CursorRepeatsItsRow => {
            if let Some(cursor) = &mut out.after {
                cursor.id = crate::Uuid::from_u128(cursor.id.as_u128().saturating_sub(1));
            }
        }
        Fault::LowerCaseOfAsciiOnly => {
            out.filter = tests(&|a, o, v| {
                let foreign = |v: &Value| {
                    v.as_str()
                        .is_some_and(|t| t.to_lowercase() != t.to_ascii_lowercase())
                };
                if v.iter().any(foreign) {
                    return Filter::Or(vec![]);
                }
                Filter::test(a, o, v.to_vec())
            });
        }
        Fault::WildcardsInValues => {
            out.filter = tests(&|a, o, v| {
                let plain = |v: &Value| match v {
                    Value::Text(t) if o == Operator::Like => Value::from(t.replace('%', "")),
                    other => other.clone(),
                };
                Filter::test(a, o, v.iter().map(plain))
            });
        }
        Fault::AlwaysEnglish => out.lang = Lang::En,
        Fault::SuperTypeForgetsMembers if q.feature_type == "everything" && q.types.is_empty() => {
            out.types = ["weirs", "falls"].map(str::to_owned).into();
        }
        Fault::BatchesTooLarge => out.batch_rows = 65_536,
        Fault::EarlierStateIgnored => out.as_of = None,
        _ => {}
    }
    out
}

fn whole(batches: &[FeatureBatch]) -> Result<Option<RecordBatch>> {
    let Some(first) = batches.first() else {
        return Ok(None);
    };
    let all = batches.iter().map(|b| &b.batch);
    Ok(Some(concat_batches(&first.batch.schema(), all)?))
}

/// The rows in another order, or fewer of them.
fn rearranged(
    batches: Vec<FeatureBatch>,
    arrange: impl FnOnce(&FeatureBatch) -> Vec<usize>,
) -> Result<Vec<FeatureBatch>> {
    let Some(batch) = whole(&batches)? else {
        return Ok(batches);
    };
    let next = batches.last().and_then(|b| b.next.clone());
    let places = Places::default();
    let all = FeatureBatch {
        batch,
        next,
        places,
    };
    let order: UInt32Array = arrange(&all).into_iter().map(|i| i as u32).collect();
    let columns = all.batch.columns().iter();
    let columns = columns
        .map(|c| take(c, &order, None))
        .collect::<Result<_, _>>()?;
    let batch = RecordBatch::try_new(all.batch.schema(), columns)?;
    Ok(vec![FeatureBatch {
        batch,
        next: all.next,
        places: all.places,
    }])
}

/// The rows, those that come twice only once.
pub(super) fn each_once(batches: Vec<FeatureBatch>) -> Result<Vec<FeatureBatch>> {
    rearranged(batches, |b| {
        let mut seen = HashSet::new();
        (0..b.rows())
            .filter(|r| seen.insert(b.value(*r, "cabd_id").as_uuid()))
            .collect()
    })
}

fn geometry(b: &FeatureBatch, row: usize) -> Option<Geometry> {
    match b.value(row, "geometry") {
        Value::Geometry(g) => Some(g),
        _ => None,
    }
}

/// The answer that the faulty store gives.
pub(super) fn answer(
    fault: Fault,
    q: &FeatureQuery,
    schema: &mut SchemaRef,
    batches: Vec<FeatureBatch>,
) -> Result<Vec<FeatureBatch>> {
    let key = q.sort.first().map(|s| s.attribute.as_str());
    match (fault, key) {
        (Fault::NullsFirst, Some(key)) => rearranged(batches, |b| {
            let mut rows: Vec<usize> = (0..b.rows()).collect();
            rows.sort_by_key(|r| !b.value(*r, key).is_null());
            rows
        }),
        (Fault::SortWithoutCase, Some(key)) => rearranged(batches, |b| {
            let mut rows: Vec<usize> = (0..b.rows()).collect();
            rows.sort_by_key(|r| b.value(*r, key).as_str().map(str::to_lowercase));
            if q.sort[0].descending {
                rows.reverse();
            }
            rows
        }),
        (Fault::BoxOfBounds, _) if q.bbox.is_some() => rearranged(batches, |b| {
            let meets = |r: &usize| {
                let bounds = geometry(b, *r).and_then(|g| g.bounds().ok().flatten());
                bounds.zip(q.bbox).is_some_and(|(a, b)| {
                    a.west <= b.east && b.west <= a.east && a.south <= b.north && b.south <= a.north
                })
            };
            (0..b.rows()).filter(meets).collect()
        }),
        (Fault::NearByDegrees, _) if q.near.is_some() => {
            let near = q.near.unwrap();
            rearranged(batches, |b| {
                let degrees = |r: &usize| {
                    let place = geometry(b, *r).and_then(|g| g.as_point());
                    let (x, y) = place.unwrap_or_default();
                    (x - near.longitude).hypot(y - near.latitude)
                };
                let mut rows: Vec<usize> = (0..b.rows()).collect();
                rows.sort_by(|a, b| degrees(a).total_cmp(&degrees(b)));
                let limit = q.limit.map_or(usize::MAX, |l| l as usize);
                rows.into_iter()
                    .skip(q.offset as usize)
                    .take(limit)
                    .collect()
            })
        }
        (Fault::EmptyAnswerWithoutSchema, _) if batches.is_empty() => {
            *schema = Arc::new(Schema::empty());
            Ok(batches)
        }
        (Fault::WrongReferenceSystem, _) => {
            *schema = Arc::new(Schema::new(
                schema.fields().iter().map(wrong_crs).collect::<Vec<_>>(),
            ));
            Ok(batches)
        }
        _ => Ok(batches),
    }
}

fn wrong_crs(field: &Arc<Field>) -> Field {
    let mut metadata = field.metadata().clone();
    if let Some(crs) = metadata.get_mut("ARROW:extension:metadata") {
        *crs = crs.replace("4617", "4326");
    }
    field.as_ref().clone().with_metadata(metadata)
}

/// The operation that the faulty store writes.
pub(super) fn operation(fault: Fault, mut op: Operation) -> Operation {
    let change = |v: Value| match (fault, v) {
        (Fault::TextTrimmed, Value::Text(t)) => Value::from(t.trim()),
        (Fault::SinglePrecision, Value::Double(d)) if d.is_finite() => {
            let single = f64::from(d as f32);
            Value::Double(if single.is_finite() { single } else { d })
        }
        (Fault::EmptyArrayIsNull, Value::List(items)) if items.is_empty() => Value::Null,
        (_, v) => v,
    };
    op.values = op.values.into_iter().map(change).collect();
    if fault == Fault::PutReplacesTheRow && op.action == Action::Put {
        for column in ["original_point", "comments"] {
            if !op.fields.iter().any(|f| f == column || f == "geometry") {
                op = op.set(column, Value::Null);
            }
        }
    }
    op
}

/// The entry of the log that the faulty store shows.
pub(super) fn entry(fault: Fault, mut e: LogEntry) -> Option<LogEntry> {
    match fault {
        Fault::ChildrenNotLogged if e.action == "DELETE" && e.table != "all_sites" => return None,
        Fault::AuthorLost => e.author = None,
        _ => {}
    }
    Some(e)
}

/// Rows of the log as a store would give them that rewrites some.
pub(super) fn stored(fault: Fault, mut row: StoredRow) -> StoredRow {
    if fault == Fault::LogRewritten && row.revision == 2 {
        row.datetime.push(' ');
    }
    row
}

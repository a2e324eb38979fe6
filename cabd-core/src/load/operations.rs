//! Rows become operations: new features with all around them, or changes of features that are there.

use std::collections::HashMap;
use std::sync::Arc;

use super::mapper::MappedRow;
use super::matching::{Existing, How};
use super::target::{PartRules, Target};
use crate::catalog::Relation;
use crate::feature::{Action, Fields, Operation};
use crate::id::Uuid;
use crate::store::Record;
use crate::value::Value;

/// Makes operations; remembers the shapes of updates, and counts values that were left alone.
#[derive(Default)]
pub(super) struct Maker {
    shapes: HashMap<(usize, Vec<bool>), Fields>,
    pub(super) kept: u64,
    /// Whether a row without a data source set a value whose source is tracked.
    pub(super) unsourced: bool,
}

/// A row, and the feature that it is.
pub(super) struct Hit {
    pub(super) row: MappedRow,
    pub(super) id: Uuid,
    pub(super) how: How,
    pub(super) source: Option<Uuid>,
}

/// The operations of one kind: on which relation, with which names, the keys' first.
struct Shape<'a> {
    slot: usize,
    relation: &'a Relation,
    fields: &'a Fields,
    action: Action,
}

/// What a row says about one value of a feature that is there.
enum Say {
    /// Nothing: it stays.
    Nothing,
    /// It stays, because another data source gave it.
    Kept,
    /// It is set, with or without its source.
    Set,
}

const MAIN: usize = 0;
const SOURCES: usize = 1;
const PARTS: usize = 2;

impl Maker {
    /// Forgets the shapes of updates: the rules are others now.
    pub(super) fn rules_changed(&mut self) {
        self.shapes.clear();
    }

    /// The operations of a row.
    pub(super) fn make(
        &mut self,
        target: &Target,
        hit: Hit,
        existing: &Existing,
        place: &Arc<str>,
        out: &mut Vec<Operation>,
    ) {
        // The feature itself goes first: a store may write what it has at any time.
        let before = out.len();
        let mut around = vec![];
        links(target, &hit, &mut around);
        sources_of_row(target, &hit, &mut around);
        match hit.how {
            How::New => {
                self.unsourced |= hit.source.is_none() && gives_tracked(target, &hit.row);
                insert(target, hit, out);
            }
            How::Same | How::Near => self.update(target, hit, existing, out),
        }
        out.append(&mut around);
        for operation in &mut out[before..] {
            operation.place = Some(place.clone());
        }
    }

    fn update(&mut self, target: &Target, hit: Hit, existing: &Existing, out: &mut Vec<Operation>) {
        let Hit {
            row,
            id,
            how,
            source,
        } = hit;
        let attributes = existing.attributes.get(&id);
        let feature = existing.features.get(&id);
        let shared = existing.shared.contains(&id);
        let given = |tracked: usize| {
            let column = target.source_fields.get(tracked + 1)?;
            attributes?.get(column).as_uuid()
        };
        // Found by the source's identifier, which it may have got by nearness: then it is completed as it was at first.
        let by_source = how == How::Same && row.id.is_none() && source.is_some();
        let joined = by_source && existing.joined.contains(&id);
        // Where each rule's value is tracked.
        let tracked_at = |part: Option<usize>, rule: usize| {
            target
                .tracked
                .iter()
                .position(|t| t.part == part && t.rule == rule)
        };
        let mut sources: Vec<Option<Value>> = vec![None; target.tracked.len()];
        let mut unsourced = false;
        let mut decide = |part: Option<usize>,
                          rule: usize,
                          value: &Value,
                          old: Option<&Record>,
                          column: &str,
                          nullable: bool| {
            let tracked = tracked_at(part, rule);
            let ds = tracked.and_then(given);
            let present = old.map(|o| o.get(column)).filter(|v| !v.is_null());
            let say = match how {
                How::Near => match (value.is_null(), present.is_some() || ds.is_some()) {
                    (true, _) => Say::Nothing,
                    (false, true) => Say::Kept,
                    (false, false) => Say::Set,
                },
                // A value that no source gave was there before this source.
                _ if joined && ds.is_none() && present.is_some() => match present == Some(value) {
                    true => Say::Nothing,
                    false => Say::Kept,
                },
                _ => follow(value, tracked.is_some(), ds, source, shared),
            };
            let say = match say {
                Say::Set if value.is_null() && !nullable => Say::Nothing,
                say => say,
            };
            if let (Say::Set, Some(at)) = (&say, tracked) {
                let changes = present.unwrap_or(&Value::Null) != value;
                sources[at] = match source {
                    Some(source) if !value.is_null() => Some(Value::Uuid(source)),
                    Some(_) => Some(Value::Null),
                    // Another value than the one that its source gave.
                    None => changes.then_some(Value::Null),
                };
                unsourced |= source.is_none() && changes;
            }
            say
        };
        let mut kept = 0;
        let mut set = |say: Say| {
            kept += u64::from(matches!(say, Say::Kept));
            matches!(say, Say::Set)
        };

        let mut mask = Vec::with_capacity(row.main.len() + 1);
        for (i, value) in row.main.iter().enumerate() {
            let column = &target.main.table.columns[target.main.rules[i].column];
            mask.push(set(decide(
                None,
                i,
                value,
                feature,
                &column.name,
                column.nullable,
            )));
        }
        // The place that an export shows may be a better one than the input's: coming back, it says nothing new.
        let moved = row.geometry.is_some() && existing.places.get(&id) != row.geometry.as_ref();
        mask.push(how == How::Same && !shared && !joined && moved);
        let mut values = row.main;
        values.push(row.geometry.into());
        let shape = Shape {
            slot: MAIN,
            relation: &target.main.relation,
            fields: &target.main.fields,
            action: Action::Update,
        };
        out.push(self.masked(shape, vec![id.into()], values, mask));

        for (p, (part, own)) in target.parts.iter().zip(row.parts).enumerate() {
            let rows = existing
                .parts
                .get(p)
                .and_then(|m| m.get(&id))
                .map_or(&[][..], Vec::as_slice);
            let is_primary = |r: &&Record| *r.get(&part.part.primary) == Value::Bool(true);
            // The row that the feature is shown with.
            let shown = rows.iter().filter(is_primary).min_by_key(|r| {
                let order = r.get(&part.part.order).as_i64();
                (order.is_none(), order, r.get(&part.part.key).as_uuid())
            });
            let key = part_id(id, &part.part.id);
            let own_row = rows
                .iter()
                .find(|r| r.get(&part.part.key).as_uuid() == Some(key));
            let old = if how == How::Near || row.id.is_some() {
                shown.or(own_row)
            } else {
                own_row
            };
            let mut mask = Vec::with_capacity(own.len());
            for (i, value) in own.iter().enumerate() {
                let column = &part.rules.table.columns[part.rules.rules[i].column];
                mask.push(set(decide(
                    Some(p),
                    i,
                    value,
                    old,
                    &column.name,
                    column.nullable,
                )));
            }
            match old.and_then(|r| r.get(&part.part.key).as_uuid()) {
                Some(key) => {
                    if mask.contains(&true) {
                        let shape = Shape {
                            slot: PARTS + p,
                            relation: &part.rules.relation,
                            fields: &part.rules.fields,
                            action: Action::Update,
                        };
                        out.push(self.masked(shape, vec![key.into(), id.into()], own, mask));
                    }
                }
                None => {
                    let values: Vec<Value> = own
                        .into_iter()
                        .zip(&mask)
                        .map(|(v, set)| if *set { v } else { Value::Null })
                        .collect();
                    if values.iter().any(|v| !v.is_null()) {
                        let order = rows.len() as i64 + 1;
                        out.push(new_part(part, id, values, shown.is_none(), order));
                    }
                }
            }
        }
        self.kept += kept;
        self.unsourced |= unsourced;

        if sources.iter().any(Option::is_some) {
            let says_something = sources.iter().flatten().any(|v| !v.is_null());
            if attributes.is_some() || says_something {
                let mask = sources.iter().map(Option::is_some).collect();
                let values = sources.into_iter().map(Option::unwrap_or_default).collect();
                let shape = Shape {
                    slot: SOURCES,
                    relation: &attribute_source(target),
                    fields: &target.source_fields,
                    action: Action::Put,
                };
                out.push(self.masked(shape, vec![id.into()], values, mask));
            }
        }
    }

    /// An operation that names its keys and the values of a mask; `fields` begin with the keys' names.
    fn masked(
        &mut self,
        shape: Shape<'_>,
        key: Vec<Value>,
        values: Vec<Value>,
        mask: Vec<bool>,
    ) -> Operation {
        let (keys, mut named) = (key.len(), key);
        named.extend(
            values
                .into_iter()
                .zip(&mask)
                .filter(|(_, m)| **m)
                .map(|(v, _)| v),
        );
        let fields = self
            .shapes
            .entry((shape.slot, mask))
            .or_insert_with_key(|(_, mask)| {
                let own = shape.fields[keys..].iter().zip(mask).filter(|(_, m)| **m);
                shape.fields[..keys]
                    .iter()
                    .chain(own.map(|(f, _)| f))
                    .cloned()
                    .collect()
            })
            .clone();
        Operation::with_fields(shape.relation.clone(), shape.action, fields, named)
    }
}

fn insert(target: &Target, hit: Hit, out: &mut Vec<Operation>) {
    let Hit {
        row, id, source, ..
    } = hit;
    let sources = attribute_sources(target, &row, id, source);
    let mut values = Vec::with_capacity(row.main.len() + 2);
    values.push(Value::Uuid(id));
    values.extend(row.main);
    values.push(row.geometry.into());
    let fields = target.main.fields.clone();
    let relation = target.main.relation.clone();
    out.push(Operation::with_fields(
        relation,
        Action::Insert,
        fields,
        values,
    ));
    for (part, own) in target.parts.iter().zip(row.parts) {
        if own.iter().any(|v| !v.is_null()) {
            out.push(new_part(part, id, own, true, 1));
        }
    }
    out.extend(sources);
}

/// Whether a row has a value whose source is tracked.
fn gives_tracked(target: &Target, row: &MappedRow) -> bool {
    target.tracked.iter().any(|t| {
        let rows = t.part.map_or(&row.main, |p| &row.parts[p]);
        !rows[t.rule].is_null()
    })
}

/// The attribute source row of a new feature, where a source gave anything.
fn attribute_sources(
    target: &Target,
    row: &MappedRow,
    id: Uuid,
    source: Option<Uuid>,
) -> Option<Operation> {
    let source = source.filter(|_| !target.tracked.is_empty())?;
    let mut values = Vec::with_capacity(target.tracked.len() + 1);
    values.push(Value::Uuid(id));
    for t in &target.tracked {
        let rows = t.part.map_or(&row.main, |p| &row.parts[p]);
        values.push(match rows[t.rule] {
            Value::Null => Value::Null,
            _ => Value::Uuid(source),
        });
    }
    let any = values[1..].iter().any(|v| !v.is_null());
    any.then(|| {
        let fields = target.source_fields.clone();
        Operation::with_fields(attribute_source(target), Action::Insert, fields, values)
    })
}

fn links(target: &Target, hit: &Hit, out: &mut Vec<Operation>) {
    let action = action(hit.how);
    for (link, codes) in target.links.iter().zip(&hit.row.links) {
        for code in codes {
            let mut values = vec![Value::Uuid(hit.id), code.clone()];
            values.extend(link.flags.iter().map(|f| Value::Bool(*f)));
            let fields = link.rules.fields.clone();
            let relation = link.rules.relation.clone();
            out.push(Operation::with_fields(relation, action, fields, values));
        }
    }
}

fn sources_of_row(target: &Target, hit: &Hit, out: &mut Vec<Operation>) {
    let Some(ft) = target
        .feature_type
        .as_ref()
        .filter(|t| t.has_feature_source())
    else {
        return;
    };
    if let (Some(source), Some(own)) = (hit.source, &hit.row.source_id) {
        let relation = Relation::FeatureSource(ft.id().into());
        let values = vec![hit.id.into(), source.into(), Value::from(own.as_str())];
        let fields = target.feature_source_fields.clone();
        out.push(Operation::with_fields(
            relation,
            action(hit.how),
            fields,
            values,
        ));
    }
}

fn action(how: How) -> Action {
    if how == How::New {
        Action::Insert
    } else {
        Action::Put
    }
}

/// What a row says about a value of a feature that it speaks for.
///
/// A value that another data source gave stays. A null clears only what this source had given; a value that is not
/// tracked follows the row as long as the feature comes from no other source.
fn follow(
    value: &Value,
    tracked: bool,
    given: Option<Uuid>,
    source: Option<Uuid>,
    shared: bool,
) -> Say {
    match (source, given) {
        (None, _) => Say::Set,
        (Some(_), _) if !tracked && shared => Say::Nothing,
        (Some(_), _) if !tracked => Say::Set,
        (Some(own), Some(given)) if own != given && value.is_null() => Say::Nothing,
        (Some(own), Some(given)) if own != given => Say::Kept,
        (Some(_), Some(_)) => Say::Set,
        (Some(_), None) if value.is_null() => Say::Nothing,
        (Some(_), None) => Say::Set,
    }
}

fn attribute_source(target: &Target) -> Relation {
    let id = target.feature_type.as_ref().map_or("", |t| t.id());
    Relation::AttributeSource(id.into())
}

/// The identifier of the part row that a load makes: it follows from the feature's.
fn part_id(feature: Uuid, part: &str) -> Uuid {
    Uuid::new_v5(&feature, part.as_bytes())
}

fn new_part(
    part: &PartRules,
    feature: Uuid,
    own: Vec<Value>,
    primary: bool,
    order: i64,
) -> Operation {
    let mut values = Vec::with_capacity(own.len() + 4);
    values.push(Value::Uuid(part_id(feature, &part.part.id)));
    values.push(Value::Uuid(feature));
    values.extend(own);
    values.push(Value::Bool(primary));
    values.push(Value::Int(order));
    let fields = part.rules.fields.clone();
    Operation::with_fields(part.rules.relation.clone(), Action::Insert, fields, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_another_source_stays_and_a_null_clears_only_what_its_source_gave() {
        let (own, other) = (Some(Uuid::from_u128(1)), Some(Uuid::from_u128(2)));
        let (value, null) = (Value::Int(1), Value::Null);
        let set = |s: Say| matches!(s, Say::Set);
        assert!(matches!(follow(&value, true, other, own, false), Say::Kept));
        assert!(matches!(
            follow(&null, true, other, own, false),
            Say::Nothing
        ));
        assert!(set(follow(&null, true, own, own, false)));
        assert!(!set(follow(&null, true, None, own, false)));
        assert!(set(follow(&value, true, None, own, true)));
        assert!(set(follow(&null, false, None, own, false)));
        assert!(!set(follow(&value, false, None, own, true)));
        assert!(set(follow(&null, true, other, None, true)));
    }
}

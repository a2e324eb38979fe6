//! One rule at work: a foreign value becomes a value of the column, is dropped, or spoils its row.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::clean::{clean, lenient_number};
use super::mapper::push_identifier;
use super::mapping::{FieldRule, LookupRule, Unknown};
use super::place::Column;
use crate::catalog::{Catalog, CodeList, Relation, Table};
use crate::error::{Error, Result};
use crate::format::{RawValue, SourceRow};
use crate::value::{DataType, Value, fold_name};

/// Longest value repeated in a report, in characters.
const SHOWN_VALUE: usize = 200;

/// Why a row is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) field: String,
    pub(super) value: String,
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn new(field: &str, value: impl ToString, reason: impl Into<String>) -> Self {
        let mut value = value.to_string();
        if let Some((end, _)) = value.char_indices().nth(SHOWN_VALUE) {
            value.truncate(end);
            value.push('…');
        }
        Self {
            field: field.to_owned(),
            value,
            reason: reason.into(),
        }
    }

    pub(super) fn of(e: &Error, field: &str, value: impl ToString) -> Self {
        let reason = match e.expectation() {
            Some(expected) => format!("{}; expected {expected}", e.message()),
            None => e.message().to_owned(),
        };
        Self::new(e.field_name().unwrap_or(field), value, reason)
    }
}

/// What became of a value.
pub(super) enum Outcome {
    Value(Value),
    /// Left out, because the rule says so; the reason is for a note.
    Dropped(Refusal),
}

/// Text, and the column that follows it.
pub(super) type Segment = (String, Option<Column>);

/// A field rule made ready: places of its columns, words as values, labels as codes.
pub(super) struct Rule {
    pub(super) to: String,
    pub(super) from: Vec<String>,
    pub(super) places: Vec<usize>,
    pub(super) column: usize,
    /// Columns, and the values that let the rule speak.
    pub(super) only: Vec<(Column, Vec<String>)>,
    pub(super) lookup: Option<LookupRule>,
    /// Texts between columns, by piece.
    pub(super) pieces: Vec<Vec<Segment>>,
    constant: Option<Value>,
    data_type: DataType,
    words: HashMap<String, Value>,
    /// Words with `*`, the most telling first.
    forms: Vec<(Vec<String>, Value)>,
    numbers: Vec<(f64, Value)>,
    labels: HashMap<String, Value>,
    rule: FieldRule,
}

impl Rule {
    /// A rule for a column of `table`; words and constants are checked at once.
    pub(super) fn new(
        catalog: &Catalog,
        table: &Table,
        column: usize,
        rule: &FieldRule,
    ) -> Result<Self> {
        let c = &table.columns[column];
        let list = match &c.references {
            Some(Relation::Codes(list)) => catalog.list(list).cloned(),
            // The key of a reference table can be told by its own labels.
            _ => match &table.relation {
                Relation::Codes(list) if column == 0 => catalog.list(list).cloned(),
                _ => None,
            },
        };
        let value_of = |v: &toml::Value| -> Result<Value> {
            let value = match v {
                toml::Value::String(s) if s.trim().is_empty() => Value::Null,
                toml::Value::String(s) => Value::Text(s.clone()),
                toml::Value::Integer(i) => Value::Int(*i),
                toml::Value::Float(f) => Value::Double(*f),
                toml::Value::Boolean(b) => Value::Bool(*b),
                other => Value::Text(other.to_string()),
            };
            catalog
                .check_value(table, column, &rule.to, value)
                .map_err(|e| e.at("mapping"))
        };
        let mut words = HashMap::new();
        let mut numbers = vec![];
        let mut forms = vec![];
        for (word, value) in &rule.words {
            let value = value_of(value)?;
            let word = word.trim().to_lowercase();
            if word.contains('*') {
                forms.push((
                    word.split('*').map(str::to_owned).collect::<Vec<_>>(),
                    value,
                ));
                continue;
            }
            if let Ok(number) = word.parse::<f64>() {
                numbers.push((number, value.clone()));
            }
            words.insert(word, value);
        }
        // A key has no other table to be checked by: with labels, it must be a code of its own list.
        if let Some(list) = list
            .as_ref()
            .filter(|_| rule.labels && c.references.is_none())
        {
            let codes = list.codes.iter();
            words.extend(codes.map(|c| (c.code.to_string().to_lowercase(), c.code.to_value())));
        }
        let tells = |form: &[String]| form.iter().map(|p| p.chars().count()).sum::<usize>();
        forms.sort_by_key(|(form, _)| (std::cmp::Reverse(tells(form)), form.len()));
        check_rule(catalog, &c.data_type, rule).map_err(|e| e.at("mapping").field(&rule.to))?;
        let labels = match &list {
            Some(list) if rule.labels => labels_of(list),
            None if rule.labels => {
                return Err(Error::invalid("only a code has labels")
                    .at("mapping")
                    .field(&rule.to));
            }
            _ => HashMap::new(),
        };
        Ok(Self {
            to: rule.to.clone(),
            from: rule.from.clone(),
            places: vec![],
            column,
            only: only_of(&rule.only),
            lookup: rule.lookup.clone(),
            pieces: rule.pieces.iter().map(|p| segments(p)).collect(),
            constant: rule.constant.as_ref().map(value_of).transpose()?,
            data_type: c.data_type.clone(),
            words,
            forms,
            numbers,
            labels,
            rule: rule.clone(),
        })
    }

    /// What a value that cannot be read becomes.
    pub(super) fn unknown_becomes(&self) -> Unknown {
        self.rule.unknown
    }

    /// Whether the rule speaks for the row.
    fn speaks(&self, row: &SourceRow) -> bool {
        self.only
            .iter()
            .all(|(column, wanted)| column.holds_one_of(row, wanted))
    }

    /// The first value among the rule's columns that is not blank.
    pub(super) fn raw<'a>(&self, row: &'a SourceRow) -> Option<&'a RawValue> {
        self.places
            .iter()
            .map(|p| row.cell(*p))
            .find(|v| !v.is_blank())
    }

    /// The value for the column; null where nothing is said.
    pub(super) fn apply(
        &self,
        catalog: &Catalog,
        table: &Table,
        row: &SourceRow,
    ) -> Result<Outcome, Refusal> {
        if !self.speaks(row) {
            return Ok(Outcome::Value(Value::Null));
        }
        if let Some(constant) = &self.constant {
            return Ok(Outcome::Value(constant.clone()));
        }
        if !self.pieces.is_empty() {
            let text = RawValue::from(&*self.composed(row));
            return self.convert(catalog, table, &text);
        }
        match self.raw(row) {
            None => Ok(Outcome::Value(Value::Null)),
            Some(raw) if self.lookup.is_some() => Ok(Outcome::Value(self.key(raw))),
            Some(raw) => self.convert(catalog, table, raw),
        }
    }

    /// The pieces whose columns all have a value.
    fn composed(&self, row: &SourceRow) -> String {
        let whole = |piece: &Vec<Segment>| {
            let mut out = String::new();
            for (text, column) in piece {
                out.push_str(text);
                if let Some(column) = column {
                    let raw = column.of(row);
                    if raw.is_blank() {
                        return None;
                    }
                    out.push_str(raw.to_string().trim());
                }
            }
            Some(out)
        };
        let pieces: Vec<String> = self.pieces.iter().filter_map(whole).collect();
        pieces.join(" ")
    }

    /// The codes of a link, each once; what is dropped is told to `dropped`.
    pub(super) fn elements(
        &self,
        catalog: &Catalog,
        table: &Table,
        row: &SourceRow,
        mut dropped: impl FnMut(Refusal),
    ) -> Result<Vec<Value>, Refusal> {
        let mut out: Vec<Value> = vec![];
        if !self.speaks(row) {
            return Ok(out);
        }
        let mut take = |outcome: Outcome| match outcome {
            Outcome::Value(Value::Null) => {}
            Outcome::Value(v) if out.contains(&v) => {}
            Outcome::Value(v) => out.push(v),
            Outcome::Dropped(why) => dropped(why),
        };
        if let Some(constant) = &self.constant {
            take(Outcome::Value(constant.clone()));
        }
        match self.raw(row) {
            None => {}
            Some(RawValue::Text(text)) => {
                let separator = self.rule.separator.as_deref().unwrap_or(";");
                for part in text.split(separator).filter(|p| !p.trim().is_empty()) {
                    take(self.convert(catalog, table, &RawValue::from(part))?);
                }
            }
            Some(RawValue::Json(serde_json::Value::Array(items))) => {
                for item in items {
                    let raw = match item.as_str() {
                        Some(text) => RawValue::from(text),
                        None => RawValue::from(item.to_string().as_str()),
                    };
                    take(self.convert(catalog, table, &raw)?);
                }
            }
            Some(other) => take(self.convert(catalog, table, other)?),
        }
        Ok(out)
    }

    /// The key of a look-up as text; the identifier takes its place before anything is written.
    fn key(&self, raw: &RawValue) -> Value {
        let mut key = self.rule.prefix.clone().unwrap_or_default();
        match raw {
            RawValue::Text(t) => {
                push_identifier(&mut key, &RawValue::from(&*clean(t, &self.rule.clean)))
            }
            other => push_identifier(&mut key, other),
        }
        Value::Text(key)
    }

    fn convert(
        &self,
        catalog: &Catalog,
        table: &Table,
        raw: &RawValue,
    ) -> Result<Outcome, Refusal> {
        let check = |value: Value| catalog.check_value(table, self.column, &self.to, value);
        let text: Cow<'_, str> = match raw {
            RawValue::Text(t) => clean(t, &self.rule.clean),
            RawValue::Json(_) => Cow::Borrowed(""),
            other => Cow::Owned(other.to_string()),
        };
        if matches!(raw, RawValue::Text(_)) && text.is_empty() {
            return Ok(Outcome::Value(Value::Null));
        }
        let mut unknown = None;
        if !self.words.is_empty() || !self.forms.is_empty() || !self.labels.is_empty() {
            if let Some(known) = self.word(&text) {
                return Ok(Outcome::Value(known.clone()));
            }
            unknown = Some("not a word of the mapping");
            if self.words.is_empty()
                && self.forms.is_empty()
                && let Ok(code) = check(Value::Text(text.clone().into_owned()))
            {
                return Ok(Outcome::Value(code));
            }
        }
        if let Some(reason) = unknown
            && self.rule.unknown != Unknown::Keep
        {
            return self.unknown(Refusal::new(&self.to, raw, reason));
        }
        let value = match self.read(raw, &text) {
            Ok(value) => value,
            Err(reason) => return self.unknown(Refusal::new(&self.to, raw, reason)),
        };
        match check(value) {
            Ok(value) => Ok(Outcome::Value(value)),
            Err(e) => self.unknown(Refusal::of(&e, &self.to, raw)),
        }
    }

    fn unknown(&self, refusal: Refusal) -> Result<Outcome, Refusal> {
        match self.rule.unknown {
            Unknown::Null => Ok(Outcome::Dropped(refusal)),
            Unknown::Reject | Unknown::Keep => Err(refusal),
        }
    }

    fn word(&self, text: &str) -> Option<&Value> {
        if !self.words.is_empty() {
            let found = match text
                .bytes()
                .any(|b| b.is_ascii_uppercase() || !b.is_ascii())
            {
                true => self.words.get(&text.to_lowercase()),
                false => self.words.get(text),
            };
            if found.is_some() {
                return found;
            }
            if !self.numbers.is_empty()
                && let Ok(number) = text.parse::<f64>()
                && let Some((_, value)) = self.numbers.iter().find(|(n, _)| *n == number)
            {
                return Some(value);
            }
        }
        if !self.forms.is_empty() {
            let text = text.to_lowercase();
            if let Some((_, value)) = self.forms.iter().find(|(form, _)| has_form(&text, form)) {
                return Some(value);
            }
        }
        if self.labels.is_empty() {
            return None;
        }
        self.labels.get(&fold_name(text))
    }

    /// The raw value as the column's type would like it, before the check.
    fn read(&self, raw: &RawValue, text: &str) -> Result<Value, String> {
        let rule = &self.rule;
        if let Some(prefix) = &rule.prefix {
            let mut out = prefix.clone();
            match raw {
                RawValue::Text(_) => out.push_str(text),
                other => push_identifier(&mut out, other),
            }
            return Ok(Value::Text(out));
        }
        let is_number = matches!(
            self.data_type,
            DataType::Integer | DataType::Double | DataType::Numeric
        );
        let reckons = rule.scale.is_some() || rule.offset.is_some() || rule.valid.is_some();
        if is_number && (reckons || rule.lenient_number) {
            return self.number(raw, text).map(Value::Double);
        }
        let is_time = matches!(self.data_type, DataType::Date | DataType::Timestamp);
        if is_time && !rule.dates.is_empty() {
            return self.date(text);
        }
        Ok(match raw {
            RawValue::Null => Value::Null,
            RawValue::Bool(b) if matches!(self.data_type, DataType::Text(_)) => {
                Value::Text(b.to_string())
            }
            RawValue::Bool(b) => Value::Bool(*b),
            RawValue::Int(i) => Value::Int(*i),
            RawValue::Double(d) => Value::Double(*d),
            RawValue::Text(_) => match (&self.data_type, &rule.separator) {
                (DataType::Array(element), Some(separator)) => {
                    let element = element.data_type();
                    let parts = text.split(separator.as_str()).map(str::trim);
                    let parts = parts.filter(|p| !p.is_empty()).map(|p| {
                        Value::from(p)
                            .coerce(&self.to, &element)
                            .map_err(|e| e.message().to_owned())
                    });
                    Value::List(parts.collect::<Result<_, _>>()?)
                }
                _ => Value::Text(text.to_owned()),
            },
            RawValue::Json(json) if matches!(self.data_type, DataType::Text(_)) => {
                Value::Text(json.to_string())
            }
            RawValue::Json(json) => Value::from_json(&self.to, &self.data_type, json)
                .map_err(|e| e.message().to_owned())?,
        })
    }

    fn number(&self, raw: &RawValue, text: &str) -> Result<f64, String> {
        let rule = &self.rule;
        let number = match raw {
            RawValue::Int(i) => Some(*i as f64),
            RawValue::Double(d) => Some(*d),
            RawValue::Text(_) => {
                let exact = text.parse::<f64>().ok().filter(|v| v.is_finite());
                exact.or_else(|| rule.lenient_number.then(|| lenient_number(text)).flatten())
            }
            _ => None,
        };
        let number = number.ok_or("not a number")?;
        let number = number * rule.scale.unwrap_or(1.0) + rule.offset.unwrap_or(0.0);
        match rule.valid {
            Some([low, high]) if !(low..=high).contains(&number) => {
                Err(format!("outside {low} to {high}"))
            }
            _ => Ok(number),
        }
    }

    fn date(&self, text: &str) -> Result<Value, String> {
        for pattern in &self.rule.dates {
            let Ok(parsed) = jiff::fmt::strtime::parse(pattern, text) else {
                continue;
            };
            if self.data_type == DataType::Date {
                if let Ok(date) = parsed.to_date() {
                    return Ok(Value::Date(date));
                }
            } else if let Ok(instant) = parsed.to_timestamp() {
                return Ok(Value::Timestamp(instant));
            } else if let Ok(civil) = parsed.to_datetime()
                && let Ok(utc) = civil.to_zoned(jiff::tz::TimeZone::UTC)
            {
                return Ok(Value::Timestamp(utc.timestamp()));
            } else if let Ok(date) = parsed.to_date() {
                return Ok(Value::Date(date));
            }
        }
        Err(format!(
            "not a date of the form {}",
            self.rule.dates.join(" or ")
        ))
    }
}

/// A piece of text, cut at its `{columns}`.
fn segments(piece: &str) -> Vec<Segment> {
    let mut out = vec![];
    let mut rest = piece;
    while let Some((text, (name, after))) = rest
        .split_once('{')
        .and_then(|(text, after)| Some((text, after.split_once('}')?)))
    {
        out.push((text.to_owned(), Some(Column::new(name.trim()))));
        rest = after;
    }
    out.push((rest.to_owned(), None));
    out
}

/// Columns and the values that are wanted of them, trimmed and in lower case.
pub(super) fn only_of(only: &BTreeMap<String, Vec<String>>) -> Vec<(Column, Vec<String>)> {
    let lower = |values: &Vec<String>| values.iter().map(|v| v.trim().to_lowercase()).collect();
    only.iter()
        .map(|(column, values)| (Column::new(column), lower(values)))
        .collect()
}

/// Options that only some columns can have.
fn check_rule(catalog: &Catalog, data_type: &DataType, rule: &FieldRule) -> Result<()> {
    if rule.prefix.is_some() && rule.lookup.is_none() && !matches!(data_type, DataType::Text(_)) {
        return Err(Error::invalid("only a text can have a prefix").value(data_type));
    }
    if !rule.pieces.is_empty() && !matches!(data_type, DataType::Text(_)) {
        return Err(Error::invalid("only a text can be made of pieces").value(data_type));
    }
    if let Some(lookup) = &rule.lookup {
        if *data_type != DataType::Uuid {
            return Err(Error::invalid("only an identifier can be looked up")
                .value(data_type)
                .expected("an attribute of type uuid"));
        }
        let ft = catalog.feature_type(&lookup.feature_type)?;
        if !ft.has_feature_source() {
            return Err(
                Error::invalid("the type does not record where its features come from")
                    .value(&lookup.feature_type)
                    .hint("look the identifier up in a type with `sources` in its manifest"),
            );
        }
    }
    Ok(())
}

/// Whether the text begins with the first piece, ends with the last, and holds the others between them in order.
fn has_form(text: &str, pieces: &[String]) -> bool {
    let [first, middle @ .., last] = pieces else {
        return false;
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    for piece in middle {
        match rest.find(piece.as_str()) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

/// Folded labels to codes: whole, and without a bracket at the end. A label of two codes is none.
fn labels_of(list: &CodeList) -> HashMap<String, Value> {
    let mut found: HashMap<String, Option<Value>> = HashMap::new();
    let mut put = |label: &str, code: &Value| {
        let label = fold_name(label.trim());
        if label.is_empty() {
            return;
        }
        match found.get(&label) {
            Some(Some(other)) if other != code => found.insert(label, None),
            Some(_) => None,
            None => found.insert(label, Some(code.clone())),
        };
    };
    for code in &list.codes {
        let value = code.code.to_value();
        put(&code.name.en, &value);
        put(&code.name.fr, &value);
    }
    // What is before a bracket only counts where no label is exactly that.
    let mut short: HashMap<String, Option<Value>> = HashMap::new();
    for code in &list.codes {
        for name in [&code.name.en, &code.name.fr] {
            if let Some((before, _)) = name.split_once('(') {
                let label = fold_name(before.trim());
                let value = code.code.to_value();
                match short.get(&label) {
                    Some(Some(other)) if *other != value => short.insert(label, None),
                    Some(_) => None,
                    None => short.insert(label, Some(value)),
                };
            }
        }
    }
    for (label, value) in short {
        if !label.is_empty() {
            found.entry(label).or_insert(value);
        }
    }
    found
        .into_iter()
        .filter_map(|(label, value)| Some((label, value?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_cut_at_its_columns() {
        let names = |piece: &str| -> Vec<(String, Option<String>)> {
            let all = segments(piece).into_iter();
            all.map(|(t, c)| (t, c.map(|c| c.name))).collect()
        };
        let part = |t: &str, c: Option<&str>| (t.to_owned(), c.map(str::to_owned));
        assert_eq!(
            names("by {who}, {when}."),
            [
                part("by ", Some("who")),
                part(", ", Some("when")),
                part(".", None)
            ]
        );
        assert_eq!(names("a { b"), [part("a { b", None)]);
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (form, text, expected) in [
            ("h*", "hr", true),
            ("h*", "rh", false),
            ("*h*", "rhs", true),
            ("*h", "rh", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b", "ab", true),
            ("a*a", "a", false),
            ("*", "", true),
        ] {
            let pieces: Vec<String> = form.split('*').map(str::to_owned).collect();
            assert_eq!(has_form(text, &pieces), expected, "{form} {text}");
        }
    }
}

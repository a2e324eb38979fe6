//! The GeoJSON reader: one feature in memory at a time.

use serde::de::DeserializeSeed;

use super::feature::FeatureSeed;
use super::scan::{Place, Scanner};
use crate::error::{Error, Result};
use crate::format::{
    ByteSource, Columns, RawValue, ReadOptions, RowFault, RowReader, SourceRow, open_text,
};

/// Reads the features of a FeatureCollection, a single Feature, or features one after the other: one a line, or with
/// record separators (RFC 8142).
///
/// The members of a collection may come in any order. `crs` is looked at and every other member but `features` passed over. Properties
/// become columns in the order in which they are first seen; a member `id` beside them is not read.
///
/// ```
/// use cabd_core::format::{ReadOptions, RowReader, geojson::GeoJsonReader};
/// let text = r#"{"type":"FeatureCollection","features":[
///   {"type":"Feature","geometry":{"type":"Point","coordinates":[-75.5,45.4]},"properties":{"name":"Mill Dam"}}]}"#;
/// let mut reader = GeoJsonReader::new(Box::new(text.as_bytes()), ReadOptions::default())?;
/// let row = reader.next_row()?.unwrap();
/// assert_eq!(row.line, 2);
/// assert_eq!(row.geometry.unwrap().as_point(), Some((-75.5, 45.4)));
/// assert!(reader.next_row()?.is_none());
/// # Ok::<(), cabd_core::Error>(())
/// ```
pub struct GeoJsonReader {
    scanner: Scanner,
    columns: Columns,
    state: State,
    kind: Option<String>,
    crs: Option<String>,
    any: bool,
}

enum State {
    /// Between records.
    Top,
    /// In the array `features`, before the first.
    First,
    /// In the array `features`, after one.
    Next,
    /// In the collection, after `features`.
    Tail,
}

impl GeoJsonReader {
    /// A reader.
    ///
    /// # Errors
    /// When the first bytes cannot be read, or are those of an archive.
    pub fn new(input: ByteSource, options: ReadOptions) -> Result<Self> {
        let input = open_text(input, options.encoding).map_err(|e| e.at(options.name.clone()))?;
        Ok(Self {
            scanner: Scanner::new(input, options.name, options.max_record_bytes),
            columns: Columns::default(),
            state: State::Top,
            kind: None,
            crs: None,
            any: false,
        })
    }

    /// A top object: a feature, whose row is given, or a collection, whose features follow.
    fn object(&mut self) -> Result<Option<SourceRow>> {
        let begun = self.scanner.place();
        self.scanner.hold();
        self.kind = None;
        self.scanner.step();
        let mut first = true;
        loop {
            let next = self.scanner.skip_space(false)?;
            if next == Some(b'}') {
                self.scanner.step();
                return self.feature(begun).map(Some);
            }
            if !first {
                self.scanner.expect(b',', "a comma or }")?;
            }
            first = false;
            let name = self.member_name(begun)?;
            if name == "features" && self.scanner.skip_space(false)? == Some(b'[') {
                self.scanner.step();
                self.scanner.release();
                self.state = State::First;
                return Ok(None);
            }
            self.member_value(&name, begun)?;
        }
    }

    fn member_name(&mut self, begun: Place) -> Result<String> {
        let got = self.scanner.skip_space(false)?;
        if got != Some(b'"') {
            return Err(self.scanner.unexpected(got, "a member name in quotes"));
        }
        let place = self.scanner.place();
        let length = self.scanner.pass_value(begun)?;
        let held = self.scanner.held();
        let name = serde_json::from_slice(&held[held.len() - length..])
            .map_err(|e| self.not_json(place, &e))?;
        self.scanner.expect(b':', "a colon")?;
        Ok(name)
    }

    fn member_value(&mut self, name: &str, begun: Place) -> Result<()> {
        let got = self.scanner.skip_space(false)?;
        let place = self.scanner.place();
        let length = self.scanner.pass_value(begun)?;
        if length == 0 {
            return Err(self.scanner.unexpected(got, "a value"));
        }
        let held = self.scanner.held();
        let json = &held[held.len() - length..];
        match name {
            "type" => {
                self.kind = serde_json::from_slice(json).map_err(|e| self.not_json(place, &e))?;
            }
            "crs" => {
                let crs: serde_json::Value =
                    serde_json::from_slice(json).map_err(|e| self.not_json(place, &e))?;
                self.crs = declared(&crs);
            }
            _ => {}
        }
        Ok(())
    }

    /// After `features`: the rest of the collection.
    fn tail(&mut self) -> Result<()> {
        loop {
            let begun = self.scanner.place();
            match self.scanner.skip_space(false)? {
                Some(b'}') => {
                    self.scanner.step();
                    self.state = State::Top;
                    return match self.kind.as_deref() {
                        Some("FeatureCollection") => Ok(()),
                        other => Err(self
                            .scanner
                            .error(begun, "not a GeoJSON FeatureCollection")
                            .value(other.unwrap_or("no type"))),
                    };
                }
                Some(b',') => {
                    self.scanner.step();
                    self.scanner.skip_space(false)?;
                    self.scanner.hold();
                    let name = self.member_name(begun)?;
                    self.member_value(&name, begun)?;
                    self.scanner.release();
                }
                got => return Err(self.scanner.unexpected(got, "a comma or }")),
            }
        }
    }

    /// The feature that is held.
    fn feature(&mut self, begun: Place) -> Result<SourceRow> {
        self.any = true;
        let json = self.scanner.held();
        if let Err(e) = std::str::from_utf8(json) {
            let place = within(begun, json, e.valid_up_to());
            let byte = json.get(e.valid_up_to()).copied().unwrap_or_default();
            return Err(self
                .scanner
                .error(place, "not UTF-8 text")
                .value(format!("byte 0x{byte:02x}"))
                .hint("say which encoding the file has: encoding = \"latin-1\" in the mapping"));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let read = FeatureSeed(&mut self.columns)
            .deserialize(&mut deserializer)
            .and_then(|f| deserializer.end().map(|()| f));
        let row = match read {
            Ok(feature) if !feature.is_feature => {
                return Err(self
                    .scanner
                    .error(begun, "not a GeoJSON feature")
                    .expected("an object whose type is Feature"));
            }
            Ok(feature) => {
                let (geometry, fault) = match feature.geometry {
                    Ok(geometry) => (geometry, None),
                    Err(reason) => {
                        let fault = RowFault {
                            field: "geometry".to_owned(),
                            value: String::new(),
                            reason: reason.to_owned(),
                        };
                        (None, Some(fault))
                    }
                };
                SourceRow {
                    line: begun.line,
                    cells: feature.cells,
                    geometry,
                    fault,
                }
            }
            Err(e) => match not_a_number(json, &e) {
                Some((token, at)) => {
                    let place = within(begun, json, at);
                    SourceRow {
                        line: begun.line,
                        fault: Some(RowFault {
                            field: String::new(),
                            value: token.to_owned(),
                            reason: format!(
                                "{token} is not JSON (line {}, column {}); write null",
                                place.line, place.column
                            ),
                        }),
                        ..SourceRow::default()
                    }
                }
                None => return Err(self.not_json(begun, &e)),
            },
        };
        self.scanner.release();
        Ok(row)
    }

    fn not_json(&self, begun: Place, e: &serde_json::Error) -> Error {
        let place = Place {
            line: begun.line + (e.line() as u64).saturating_sub(1),
            column: if e.line() <= 1 {
                begun.column + (e.column() as u64).saturating_sub(1)
            } else {
                e.column() as u64
            },
        };
        let text = e.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        self.scanner.error(place, format!("not valid JSON: {what}"))
    }
}

impl RowReader for GeoJsonReader {
    fn next_row(&mut self) -> Result<Option<SourceRow>> {
        loop {
            match self.state {
                State::Top => match self.scanner.skip_space(true)? {
                    Some(b'{') => {
                        if let Some(row) = self.object()? {
                            return Ok(Some(row));
                        }
                    }
                    None if self.any => return Ok(None),
                    None => {
                        let place = self.scanner.place();
                        return Err(self
                            .scanner
                            .error(place, "the file is empty")
                            .expected(
                                "a GeoJSON FeatureCollection, or features one after the other",
                            )
                            .hint("was the export or download complete?"));
                    }
                    got => {
                        let e = self.scanner.unexpected(got, "a GeoJSON object");
                        return Err(if self.any {
                            e
                        } else {
                            e.hint("if it is CSV, name it .csv or say that its format is csv")
                        });
                    }
                },
                State::First | State::Next => {
                    self.any = true;
                    let mut next = self.scanner.skip_space(false)?;
                    if next == Some(b']') {
                        self.scanner.step();
                        self.state = State::Tail;
                        continue;
                    }
                    if matches!(self.state, State::Next) {
                        self.scanner.expect(b',', "a comma or ]")?;
                        next = self.scanner.skip_space(false)?;
                    }
                    if next != Some(b'{') {
                        return Err(self.scanner.unexpected(next, "a feature"));
                    }
                    self.state = State::Next;
                    let begun = self.scanner.place();
                    self.scanner.hold();
                    self.scanner.pass_value(begun)?;
                    return self.feature(begun).map(Some);
                }
                State::Tail => self.tail()?,
            }
        }
    }

    fn columns(&self) -> &Columns {
        &self.columns
    }

    fn crs(&self) -> Option<&str> {
        self.crs.as_deref()
    }
}

/// The place of a byte of a record.
fn within(begun: Place, json: &[u8], at: usize) -> Place {
    let before = &json[..at.min(json.len())];
    match before.iter().rposition(|b| *b == b'\n') {
        None => Place {
            line: begun.line,
            column: begun.column + before.len() as u64,
        },
        Some(last) => Place {
            line: begun.line + before.iter().filter(|b| **b == b'\n').count() as u64,
            column: (before.len() - last) as u64,
        },
    }
}

/// The token that other programs write for a number that is none, where the error is about one.
fn not_a_number(json: &[u8], e: &serde_json::Error) -> Option<(&'static str, usize)> {
    const TOKENS: [&str; 5] = ["NaN", "-Infinity", "Infinity", "nan", "-inf"];
    let line_start = json
        .split_inclusive(|b| *b == b'\n')
        .take(e.line().checked_sub(1)?)
        .map(<[u8]>::len)
        .sum::<usize>();
    let at = line_start + e.column();
    (at.saturating_sub(3)..=at).find_map(|from| {
        let here = json.get(from..)?;
        let token = TOKENS.iter().find(|t| here.starts_with(t.as_bytes()))?;
        Some((*token, from))
    })
}

/// The declared system of coordinates, unless it is longitude and latitude in NAD83 or WGS 84.
fn declared(crs: &serde_json::Value) -> Option<String> {
    let name = crs.pointer("/properties/name")?.as_str()?;
    let mut parts = name.rsplit(':');
    let code = parts.next()?.trim();
    if code.eq_ignore_ascii_case("CRS84") || ["4326", "4617", "4269"].contains(&code) {
        return None;
    }
    Some(
        if code.bytes().all(|b| b.is_ascii_digit()) && !code.is_empty() {
            format!("EPSG:{code}")
        } else {
            name.to_owned()
        },
    )
}

impl RawValue {
    /// The JSON that the value was.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(b) => (*b).into(),
            Self::Int(i) => (*i).into(),
            Self::Double(d) => (*d).into(),
            Self::Text(t) => t.as_str().into(),
            Self::Json(j) => j.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Result<(Vec<SourceRow>, Vec<String>)> {
        rows_within(text, ReadOptions::default().max_record_bytes)
    }

    fn rows_within(text: &[u8], max: usize) -> Result<(Vec<SourceRow>, Vec<String>)> {
        let options = ReadOptions {
            name: "t.geojson".into(),
            max_record_bytes: max,
            ..ReadOptions::default()
        };
        // One byte at a time, so that every border is met.
        struct Slow(std::io::Cursor<Vec<u8>>);
        impl std::io::Read for Slow {
            fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
                let n = out.len().min(1);
                self.0.read(&mut out[..n])
            }
        }
        let slow = Slow(std::io::Cursor::new(text.to_vec()));
        let mut reader = GeoJsonReader::new(Box::new(slow), options)?;
        let mut all = vec![];
        while let Some(row) = reader.next_row()? {
            all.push(row);
        }
        let names = reader.columns().names().iter().map(|n| n.to_string());
        Ok((all, names.collect()))
    }

    fn feature(name: &str) -> String {
        format!(r#"{{"type":"Feature","properties":{{"name":"{name}"}},"geometry":null}}"#)
    }

    #[test]
    fn a_collection_a_feature_and_lines_of_features_give_the_same_rows() {
        let (a, b) = (feature("a"), feature("b"));
        let collection = format!(
            r#"{{"name":"x [,\"]","features":[ {a} ,
            {b}],"bbox":[1,2,3,4],"type":"FeatureCollection"}}"#
        );
        let texts = [
            collection,
            format!("{a}\n{b}\n"),
            format!("\u{1e}{a}\n\u{1e}{b}\n"),
        ];
        for text in texts {
            let (all, names) = rows(text.as_bytes()).unwrap();
            assert_eq!(names, ["name"]);
            let cells: Vec<_> = all
                .iter()
                .map(|r| (r.line, r.cells[0].to_string()))
                .collect();
            assert_eq!(cells, [(1, "a".to_owned()), (2, "b".to_owned())], "{text}");
        }
        assert_eq!(rows(feature("a").as_bytes()).unwrap().0.len(), 1);
        let none = r#"{"type":"FeatureCollection","features":[]}"#;
        assert!(rows(none.as_bytes()).unwrap().0.is_empty());
    }

    #[test]
    fn new_columns_are_added_and_missing_ones_are_null() {
        let text = concat!(
            r#"{"type":"Feature","properties":{"a":1,"b":2.5},"geometry":null}"#,
            r#"{"type":"Feature","properties":{"c":[1],"b":"x","a":true},"geometry":null}"#,
            r#"{"type":"Feature","properties":null,"geometry":null}"#,
        );
        let (all, names) = rows(text.as_bytes()).unwrap();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(all[0].cells, [RawValue::Int(1), RawValue::Double(2.5)]);
        let second = [
            RawValue::Bool(true),
            "x".into(),
            RawValue::Json(serde_json::json!([1])),
        ];
        assert_eq!(all[1].cells, second);
        assert!(all[2].cells.is_empty());
    }

    #[test]
    fn faults_of_the_file_name_line_and_column() {
        let good = format!(
            "{{\"type\":\"FeatureCollection\",\"features\":[\n{},\n",
            feature("a")
        );
        let f = feature("b");
        for (rest, place) in [
            ("", "t.geojson:3:1"),
            (&f[..40], "t.geojson:3:41"),
            (&f, "t.geojson:3:"),
            ("]}", "t.geojson:3:1"),
            ("{\"type\":\"Feature\" \"x\":1}]}", "t.geojson:3:19"),
            ("{\"type\":\"Thing\"}]}", "t.geojson:3:1"),
            ("17]}", "t.geojson:3:1"),
            (&format!("{f}]}} x"), "t.geojson:3:"),
            (&format!("{f}],}}"), "t.geojson:3:"),
        ] {
            let e = rows(format!("{good}{rest}").as_bytes()).unwrap_err();
            assert!(
                e.place().unwrap_or_default().starts_with(place),
                "{rest}: {e:?}"
            );
        }
        let bad = [
            good.as_bytes(),
            &f.as_bytes()[..45],
            b"\xE9",
            &f.as_bytes()[45..],
            b"]}",
        ]
        .concat();
        let e = rows(&bad).unwrap_err();
        assert_eq!(e.place(), Some("t.geojson:3:46"), "{e:?}");
        for nothing in [
            "",
            " \n",
            "name,height\n",
            "[1]",
            "{\"type\":\"Topology\",\"features\":[]}",
        ] {
            assert!(rows(nothing.as_bytes()).is_err(), "{nothing}");
        }
    }

    #[test]
    fn a_record_beyond_the_limit_is_an_error_with_its_line() {
        let text = format!("{}\n{}", feature("a"), feature(&"x".repeat(200_000)));
        assert!(rows_within(text.as_bytes(), 300_000).is_ok());
        let e = rows_within(text.as_bytes(), 100_000).unwrap_err();
        assert!(e.place().unwrap().starts_with("t.geojson:2:"), "{e:?}");
    }

    #[test]
    fn not_a_number_spoils_its_row_only() {
        let bad = r#"{"type":"Feature","properties":{"h":NaN},"geometry":null}"#;
        let worse = r#"{"type":"Feature","properties":{"h":-Infinity},"geometry":null}"#;
        let text = format!("{bad}\n{worse}\n{}", feature("b"));
        let (all, _) = rows(text.as_bytes()).unwrap();
        assert_eq!(all[0].fault.as_ref().unwrap().value, "NaN");
        assert_eq!(all[1].fault.as_ref().unwrap().value, "-Infinity");
        assert!(all[2].fault.is_none());
    }

    #[test]
    fn a_foreign_system_of_coordinates_is_told() {
        for (name, expected) in [
            ("urn:ogc:def:crs:OGC:1.3:CRS84", None),
            ("urn:ogc:def:crs:EPSG::4617", None),
            ("urn:ogc:def:crs:EPSG::3005", Some("EPSG:3005")),
        ] {
            let text = format!(
                r#"{{"crs":{{"type":"name","properties":{{"name":"{name}"}}}},"type":"FeatureCollection","features":[]}}"#
            );
            let input: ByteSource = Box::new(std::io::Cursor::new(text));
            let mut reader = GeoJsonReader::new(input, ReadOptions::default()).unwrap();
            assert!(reader.next_row().unwrap().is_none());
            assert_eq!(reader.crs(), expected);
        }
    }
}

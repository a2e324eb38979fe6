//! `cabd query`.

use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::sync::Arc;

use cabd::catalog::{GEOMETRY, ID};
use cabd::feature::{SOURCE_OF, value_at};
use cabd::format::SourceNames;
use cabd::page::Near;
use cabd::query::Selection;
use cabd::store::SourcesExt;
use cabd::{FeatureBatch, FeatureQuery, FeatureType, Lang, Result, Store, Value, time};
use clap::Args;
use futures::TryStreamExt;

use crate::ask::Ask;
use crate::output;
use crate::session;
use crate::table::{self, Sheet};

/// Features in a table unless asked otherwise.
const TABLE_LIMIT: u64 = 20;
/// Rows that are laid out together in a table.
const BLOCK_ROWS: usize = 1000;
/// The column of distances, with --point.
const DISTANCE: &str = "distance_m";

const EXAMPLES: &str = "\
A table shows the columns that fit and 20 features; --json gives everything:
  {\"type\": \"dams\", \"features\": [{\"cabd_id\": …, \"geometry\": {…}}, …], \"next\": null}
`next` is the cursor of the following page when --limit ended the answer. --count gives \"count\" and no features.

Examples:
  cabd query inventory.sqlite dams --filter height_m:gte:100 --sort=-height_m --limit 5
  cabd query inventory.sqlite barriers --point -75.7,45.4 --limit 10
  cabd query inventory.sqlite barriers --types dams,waterfalls --bbox -80,44,-74,48 --count
  cabd query inventory.sqlite dams --namefilter like:montreal --lang fr --select dam_name_fr,dam_use
  cabd query inventory.sqlite dams --filter 'dam_use:in:Hydroelectricity,Irrigation' --json | head";

/// Arguments of `cabd query`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Query {
    /// The store
    store: String,
    /// Feature type, or super type such as barriers
    feature_type: String,
    #[command(flatten)]
    ask: Ask,
    /// Only how many features pass; limit, offset and cursor do not matter
    #[arg(long)]
    count: bool,
    /// Write JSON for programs
    #[arg(long)]
    json: bool,
}

impl Query {
    /// Asks, and shows the answer.
    pub async fn run(self) -> Result<ExitCode> {
        let mut query = self.ask.query(&self.feature_type)?;
        let store = session::open(&self.store).await?;
        query.as_of = self.ask.commit(store.as_ref()).await?;
        // The type as the catalogue spells it.
        let feature_type = store
            .catalog()
            .await?
            .feature_type(&self.feature_type)?
            .clone();
        match (self.count, self.json) {
            (true, false) => output::line(store.count(&query).await?.to_string())?,
            (true, true) => {
                let count = store.count(&query).await?;
                output::json(&serde_json::json!({
                    "type": feature_type.id(), "count": count, "features": [], "next": null,
                }))?;
            }
            (false, true) => as_json(store.as_ref(), query, feature_type.id()).await?,
            (false, false) => {
                let is_chosen = self.ask.has_selection();
                as_table(&store, query, &feature_type, is_chosen).await?;
            }
        }
        store.close().await?;
        Ok(ExitCode::SUCCESS)
    }
}

// ---- JSON

async fn as_json(store: &dyn Store, mut query: FeatureQuery, feature_type: &str) -> Result<()> {
    let near = query.near;
    if let Some(limit) = query.limit {
        query.batch_rows = query
            .batch_rows
            .min(usize::try_from(limit).unwrap_or(usize::MAX).max(1));
    }
    let mut stream = store.features(&query).await?;
    let names = names(store, &query).await?;
    let mut keys: Vec<(String, bool)> = vec![];
    for field in stream.schema.fields() {
        let is_source = field.metadata().contains_key(SOURCE_OF);
        keys.push((format!("{}:", quoted(field.name())), is_source));
    }
    let mut out = BufWriter::with_capacity(64 * 1024, std::io::stdout());
    let mut write = |bytes: &[u8]| out.write_all(bytes).map_err(output::to_stdout);
    write(format!("{{\"type\":{},\"features\":[", quoted(feature_type)).as_bytes())?;
    let mut written: u64 = 0;
    let mut next = None;
    while let Some(batch) = stream.batches.try_next().await? {
        let mut text = String::new();
        for row in 0..batch.rows() {
            text.push_str(if written == 0 { "\n{" } else { ",\n{" });
            for (at, ((key, is_source), column)) in
                keys.iter().zip(batch.batch.columns()).enumerate()
            {
                if at > 0 {
                    text.push(',');
                }
                text.push_str(key);
                let value = value_at(column, row);
                let value = if *is_source {
                    source(&names, &value)
                } else {
                    value.to_json()
                };
                text.push_str(&value.to_string());
            }
            if let Some(distance) = near.and_then(|near| distance_m(&batch, row, near)) {
                text.push_str(&format!(",\"{DISTANCE}\":{distance}"));
            }
            text.push('}');
            written += 1;
        }
        write(text.as_bytes())?;
        next = batch.next;
    }
    let next = next.filter(|_| query.limit == Some(written));
    let next = next.map_or("null".to_owned(), |cursor| quoted(&cursor.to_string()));
    write(format!("\n],\"next\":{next}}}\n").as_bytes())?;
    out.flush().map_err(output::to_stdout)
}

/// The names of data sources, where they are shown.
async fn names(store: &dyn Store, query: &FeatureQuery) -> Result<SourceNames> {
    match query.sources {
        true => store.source_names().await,
        false => Ok(SourceNames::default()),
    }
}

/// A data source by identifier and name.
fn source(names: &SourceNames, value: &Value) -> serde_json::Value {
    match value.as_uuid() {
        Some(id) => serde_json::json!({"id": id, "name": names.name(id)}),
        None => serde_json::Value::Null,
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Great-circle distance in metres to the millimetre.
fn distance_m(batch: &FeatureBatch, row: usize, near: Near) -> Option<f64> {
    let Value::Geometry(geometry) = batch.value(row, GEOMETRY) else {
        return None;
    };
    let distance = geometry.distance_m(near.longitude, near.latitude).ok()?;
    Some((distance * 1000.0).round() / 1000.0)
}

// ---- the table

async fn as_table(
    store: &Arc<dyn Store>,
    mut query: FeatureQuery,
    feature_type: &FeatureType,
    is_chosen: bool,
) -> Result<()> {
    let asks_geometry = matches!(&query.select, Selection::Attributes(named) if named.iter().any(|a| a == GEOMETRY));
    query.geometry = query.near.is_some() || asks_geometry;
    if !is_chosen {
        query.select = Selection::Attributes(first_columns(feature_type, query.lang));
    }
    let limit = query.limit.unwrap_or(TABLE_LIMIT);
    query.limit = Some(limit);
    query.batch_rows = BLOCK_ROWS;

    let names = names(store.as_ref(), &query).await?;
    let mut stream = store.features(&query).await?;
    let mut columns: Option<Vec<usize>> = None;
    let mut shown: u64 = 0;
    let mut left_out = 0;
    while let Some(batch) = stream.batches.try_next().await? {
        if batch.rows() == 0 {
            continue;
        }
        let sheet = sheet(&batch, query.near, asks_geometry, &names)?;
        let columns = columns.get_or_insert_with(|| {
            if is_chosen {
                return (0..sheet.headers.len()).collect();
            }
            let filled = sheet.filled();
            let fitting = sheet.fitting(&filled, table::width());
            left_out = filled.len() - fitting.len();
            fitting
        });
        output::print(sheet.render(columns).as_bytes())?;
        shown += batch.rows() as u64;
    }
    drop(stream);
    let total = if shown < limit && query.offset == 0 && query.after.is_none() {
        shown
    } else {
        store.count(&query).await?
    };
    output::note(remark(shown, total, left_out));
    Ok(())
}

fn remark(shown: u64, total: u64, left_out: usize) -> String {
    if total == 0 {
        return "no feature passes".to_owned();
    }
    let mut text = if shown < total {
        format!("{shown} of {total}; use --limit and --offset for more")
    } else {
        format!("{shown} of {total}")
    };
    if left_out > 0 {
        text.push_str(&format!(
            "; {left_out} more columns have values: use --select or --json"
        ));
    }
    text
}

/// The columns a person wants first: identifier, member type, name, the simple set, then the rest.
fn first_columns(feature_type: &FeatureType, lang: Lang) -> Vec<String> {
    let mut names: Vec<&str> = vec![ID];
    if feature_type.is_super() {
        names.push("feature_type");
    }
    names.extend(feature_type.head.name_attribute.as_deref());
    let positions = ["latitude", "longitude"];
    let simple = feature_type.set("simple");
    let all = simple.into_iter().chain(&feature_type.attributes);
    // Beside its label a code says nothing new, nor does the type within one type; positions come last.
    let is_label = |id: &str| {
        feature_type
            .attributes
            .iter()
            .any(|a| a.label_of.as_deref() == Some(id))
    };
    let wanted = all.filter(|a| a.id != GEOMETRY && a.id != "feature_type" && !is_label(&a.id));
    names.extend(
        wanted
            .map(|a| a.id.as_str())
            .filter(|id| !positions.contains(id)),
    );
    names.extend(positions);
    let mut out: Vec<String> = vec![];
    for name in names {
        let french = name
            .strip_suffix("_en")
            .filter(|_| lang == Lang::Fr)
            .map(|root| format!("{root}_fr"))
            .filter(|name| feature_type.attribute(name).is_some());
        let name = french.unwrap_or_else(|| name.to_owned());
        if feature_type.attribute(&name).is_some() && !out.contains(&name) {
            out.push(name);
        }
    }
    out
}

fn sheet(
    batch: &FeatureBatch,
    near: Option<Near>,
    shows_geometry: bool,
    names: &SourceNames,
) -> Result<Sheet> {
    let schema = batch.batch.schema();
    let mut sheet = Sheet {
        longest: table::LONGEST_VALUE,
        ..Sheet::default()
    };
    let mut columns = vec![];
    for (at, field) in schema.fields().iter().enumerate() {
        if field.name() == GEOMETRY && !shows_geometry {
            continue;
        }
        let is_source = field.metadata().contains_key(SOURCE_OF);
        columns.push((batch.batch.column(at), is_source));
        sheet.headers.push(field.name().clone());
        sheet.is_number.push(field.data_type().is_numeric());
    }
    for row in 0..batch.rows() {
        let values = columns.iter().map(|(column, is_source)| {
            let value = value_at(column, row);
            let name = value.as_uuid().filter(|_| *is_source);
            match name.and_then(|id| names.name(id)) {
                Some(name) => Ok(name.to_owned()),
                None => text(&value),
            }
        });
        sheet.rows.push(values.collect::<Result<_>>()?);
    }
    if let Some(near) = near {
        let at = 1.min(sheet.headers.len());
        sheet.headers.insert(at, DISTANCE.to_owned());
        sheet.is_number.insert(at, true);
        for (row, cells) in sheet.rows.iter_mut().enumerate() {
            let distance = distance_m(batch, row, near);
            cells.insert(at, distance.map(|m| format!("{m:.0}")).unwrap_or_default());
        }
    }
    Ok(sheet)
}

/// A value as people read it.
fn text(value: &Value) -> Result<String> {
    Ok(match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Int(i) => i.to_string(),
        Value::Double(d) => number(*d),
        Value::Text(t) => t.clone(),
        Value::Uuid(id) => id.to_string(),
        Value::Date(date) => date.to_string(),
        Value::Timestamp(instant) => time::format_instant(*instant),
        Value::Geometry(geometry) => geometry.to_wkt()?,
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(text).collect::<Result<_>>()?;
            items.join("; ")
        }
    })
}

/// At most six decimals: a decimetre of a degree, a micrometre of a metre.
fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e15).contains(&size) {
        return format!("{value:e}");
    }
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped_type(id: &str) -> FeatureType {
        let manifest = cabd::shipped().unwrap();
        manifest.types.into_iter().find(|t| t.id() == id).unwrap()
    }

    #[test]
    fn a_table_begins_with_identifier_and_name_in_the_language_asked() {
        let columns = |id, lang| first_columns(&shipped_type(id), lang);
        assert_eq!(columns("dams", Lang::En)[..2], ["cabd_id", "dam_name_en"]);
        assert_eq!(columns("dams", Lang::Fr)[..2], ["cabd_id", "dam_name_fr"]);
        assert_eq!(
            columns("barriers", Lang::En)[..3],
            ["cabd_id", "feature_type", "name_en"]
        );
    }

    #[test]
    fn a_table_shows_labels_and_leaves_out_their_codes() {
        let columns = first_columns(&shipped_type("dams"), Lang::En);
        assert!(columns.iter().any(|c| c == "size_class"));
        assert!(!columns.iter().any(|c| c == "size_class_code"));
    }

    #[test]
    fn the_remark_names_what_is_left_out() {
        assert_eq!(remark(0, 0, 0), "no feature passes");
        assert_eq!(remark(3, 3, 0), "3 of 3");
        assert!(remark(20, 264, 0).starts_with("20 of 264; use --limit"));
        assert!(remark(3, 3, 7).contains("7 more columns"));
    }

    #[test]
    fn a_number_has_six_decimals_at_most() {
        for (value, text) in [
            (243.0, "243"),
            (0.1 + 0.2, "0.3"),
            (-128.298432740553, "-128.298433"),
            (1e9, "1000000000"),
            (-2.5e-9, "-2.5e-9"),
            (0.0, "0"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_list_is_one_cell() {
        let list = Value::List(vec!["Coho".into(), "Pink".into()]);
        assert_eq!(text(&list).unwrap(), "Coho; Pink");
    }
}

//! `cabd load`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use cabd::format::Format;
use cabd::load::{LoadOptions, LoadReport, Mapping, Match, Note, NoteKind, Progress, Touched};
use cabd::{Error, Result, load};
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use crate::exit;
use crate::files;
use crate::inputs;
use crate::output;
use crate::progress;
use crate::rejects::RejectFiles;
use crate::session;
use crate::table;

/// Notes shown to people; JSON has all.
const NOTES_SHOWN: usize = 5;

const EXAMPLES: &str = "\
All inputs are one commit: all of it happens, or nothing. Rejected rows are written, with line, field and reason, to
INPUT.rejected.csv or where --rejects says. Loading the same file again changes nothing.

Examples:
  cabd load inventory.sqlite --mapping sample-dams catalog/sample/dams.csv
  cabd load inventory.sqlite --type waterfalls --source 'My survey' falls.geojson
  cabd load inventory.sqlite --mapping dams-bc --dry-run --json dams_bc.geojson
  cabd load inventory.sqlite --mapping mine.toml --match near:50 --author Ann --reason 'Survey of 2024' a.csv b.csv.gz
  cabd load inventory.sqlite --table cabd.nhn_workunit units.csv
  gunzip -c dams.csv.gz | cabd load inventory.sqlite --mapping sample-dams -";

/// Arguments of `cabd load`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Load {
    /// The store
    store: String,
    /// GeoJSON or CSV files, packed with gzip or not; - is standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// The feature type; a mapping may name it instead
    #[arg(long = "type", value_name = "TYPE")]
    feature_type: Option<String>,
    /// A reference table (schema.table) instead of a type
    #[arg(long, value_name = "TABLE", conflicts_with = "feature_type")]
    table: Option<String>,
    /// A mapping file, or the name of a shipped mapping; without one, columns are named like attributes
    #[arg(long, value_name = "FILE_OR_NAME")]
    mapping: Option<String>,
    /// Name of the data source, instead of the mapping's
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Why the rows have no data source: needed where they set values whose source is tracked
    #[arg(long, value_name = "WHY", conflicts_with = "source")]
    no_source: Option<String>,
    /// A date or number attribute: rows that are older than what the same source gave before change nothing
    #[arg(long, value_name = "ATTRIBUTE")]
    keep_newer: Option<String>,
    /// How rows find existing features: source (the default), cabd_id, near:METRES or near:METRES,name; a mapping may name it
    /// instead
    #[arg(long = "match", value_name = "RULE")]
    match_rule: Option<String>,
    /// geojson, geojsonseq or csv; told by the name, or the content of standard input, where left out
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Where rejected rows go
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// End with code 3 when rows were rejected
    #[arg(long)]
    strict: bool,
    /// Check and count everything, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Who loads
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Write the report as JSON
    #[arg(long)]
    json: bool,
}

/// The report, and what the command itself has to say.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    dry_run: bool,
    #[serde(flatten)]
    report: &'a LoadReport,
    rejected_files: &'a [PathBuf],
    attribution: Option<&'a str>,
    licence: Option<&'a str>,
    /// Whether the mapping tells each row's identifier in its source.
    #[serde(skip)]
    has_source_id: bool,
}

impl Load {
    /// Loads the inputs and reports.
    pub async fn run(self) -> Result<ExitCode> {
        let mapping = self.mapping.as_deref().map(read_mapping).transpose()?;
        let (attribution, licence) = mapping
            .as_ref()
            .map(|m| (m.attribution.clone(), m.licence.clone()))
            .unwrap_or_default();
        let has_source_id = mapping.as_ref().is_some_and(|mapping| {
            let source = mapping.source.as_ref();
            mapping.table.is_some() || source.is_some_and(|source| !source.id.is_empty())
        });
        let match_rule: Option<Match> = self.match_rule.as_deref().map(str::parse).transpose()?;
        let format = self
            .format
            .as_deref()
            .map(str::parse::<Format>)
            .transpose()?;
        if let Some(rejects) = &self.rejects {
            for read in self
                .inputs
                .iter()
                .map(PathBuf::as_path)
                .chain([Path::new(&self.store)])
            {
                output::refuse_same("rejects", rejects, read)?;
            }
        }
        let inputs = inputs::open(&self.inputs, format)?;
        let total = inputs.iter().map(|input| input.size).sum::<Option<u64>>();
        let store = session::open(&self.store).await?;

        let rejects = RejectFiles::new(self.rejects.clone());
        let bar = progress::of_bytes("loading", total);
        let options = LoadOptions {
            feature_type: self.feature_type.clone(),
            table: self.table.clone(),
            mapping,
            source_name: self.source.clone(),
            no_source: self.no_source.clone(),
            keep_newer: self.keep_newer.clone(),
            match_rule,
            dry_run: self.dry_run,
            author: self.author.clone(),
            reason: self.reason.clone(),
            client: Some(session::CLIENT.to_owned()),
            progress: Some(advance(&bar)),
            ..LoadOptions::default()
        };
        let report = load::load(store.as_ref(), inputs, options, Box::new(rejects.clone())).await?;
        bar.finish_and_clear();
        store.close().await?;
        let rejected_files = rejects.keep()?;

        let answer = Answer {
            dry_run: self.dry_run,
            report: &report,
            rejected_files: &rejected_files,
            attribution: attribution.as_deref(),
            licence: licence.as_deref(),
            has_source_id: has_source_id
                || self.table.is_some()
                || match_rule == Some(Match::CabdId),
        };
        if self.json {
            output::json(&answer)?;
        } else {
            show(&answer)?;
        }
        Ok(ExitCode::from(if self.strict && report.rejected > 0 {
            exit::REJECTED
        } else {
            exit::OK
        }))
    }
}

/// Reads a mapping: a file, or a shipped one by its name.
fn read_mapping(name: &str) -> Result<Mapping> {
    let path = Path::new(name);
    if !path.exists()
        && let Some(text) = cabd::shipped_mapping(name)
    {
        return Mapping::from_toml(text);
    }
    if !path.exists() {
        let known: Vec<&str> = cabd::shipped_mappings().collect();
        return Err(
            Error::not_found("no mapping file and no shipped mapping has this name")
                .field("mapping")
                .value(name)
                .hint(format!("shipped mappings: {}", known.join(", "))),
        );
    }
    Mapping::from_toml(&files::read_text(path)?).map_err(|e| e.at(name.to_owned()))
}

/// What moves the bar: bytes of the files before the one at hand, and of that one.
fn advance(bar: &ProgressBar) -> Arc<dyn Fn(Progress) + Send + Sync> {
    let bar = bar.clone();
    let before: Mutex<(String, u64, u64)> = Mutex::default();
    Arc::new(move |progress| {
        let mut place = before.lock().unwrap_or_else(PoisonError::into_inner);
        if place.0 != progress.input {
            place.1 += place.2;
            place.0.clone_from(&progress.input);
        }
        place.2 = progress.bytes;
        bar.set_position(place.1 + place.2);
    })
}

fn show(answer: &Answer<'_>) -> Result<()> {
    let report = answer.report;
    let end = match (answer.dry_run, report.commit) {
        (true, _) => "dry run: nothing was changed".to_owned(),
        (false, Some(commit)) => format!("commit {commit}"),
        (false, None) => "nothing to change".to_owned(),
    };
    output::line(format!(
        "{} rows read: {} inserted, {} updated, {} unchanged, {} rejected, {} skipped; {end}",
        report.read,
        report.inserted,
        report.updated,
        report.unchanged,
        report.rejected,
        report.skipped,
    ))?;
    if report.relations.len() > 1 {
        table::print(
            &["relation", "inserted", "updated", "unchanged"],
            report
                .relations
                .iter()
                .map(|(name, touched)| row(name, touched)),
            &[1, 2, 3],
        )?;
    }
    for line in note_lines(&report.notes) {
        output::line(line)?;
    }
    if report.inserted > 0 && !answer.has_source_id {
        output::line(
            "note: no identifier of the source is mapped: a row without a cabd_id is a new feature each time it is loaded",
        )?;
    }
    for file in answer.rejected_files {
        output::line(format!("rejected rows: {}", file.display()))?;
    }
    if let Some(attribution) = answer.attribution {
        output::line(format!("attribution: {attribution}"))?;
    }
    Ok(())
}

/// The notes in few lines: what the mapping itself foresees is only counted.
fn note_lines(notes: &[Note]) -> Vec<String> {
    let counted = |kind: NoteKind, what: &str| {
        let of_kind = notes.iter().filter(|note| note.kind == kind);
        let fields: Vec<String> = of_kind
            .map(|note| format!("{} {}", note.field, note.count))
            .collect();
        let line = format!("note: {what}: {}", fields.join(", "));
        (!fields.is_empty()).then_some(line)
    };
    let mut lines: Vec<String> = [
        counted(
            NoteKind::DroppedValue,
            "values left out, as the mapping says",
        ),
        counted(NoteKind::KeptValue, "values kept, of other data sources"),
        counted(
            NoteKind::OlderRow,
            "rows left out, older than what is stored",
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    let is_counted = |note: &&Note| {
        use NoteKind::{DroppedValue, KeptValue, OlderRow};
        matches!(note.kind, DroppedValue | KeptValue | OlderRow)
    };
    let others: Vec<&Note> = notes.iter().filter(|note| !is_counted(note)).collect();
    for note in others.iter().take(NOTES_SHOWN) {
        let place = if note.place.is_empty() {
            ""
        } else {
            ", first at "
        };
        lines.push(format!(
            "note: {}: {} ({} times{place}{})",
            note.field, note.first, note.count, note.place
        ));
    }
    if others.len() > NOTES_SHOWN {
        let more = others.len() - NOTES_SHOWN;
        lines.push(format!("note: … and {more} more; --json has all"));
    }
    lines
}

fn row(name: &str, touched: &Touched) -> Vec<String> {
    vec![
        name.to_owned(),
        touched.inserted.to_string(),
        touched.updated.to_string(),
        touched.unchanged.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_is_found_by_its_shipped_name() {
        let mapping = read_mapping("waterfalls-bc-fiss").unwrap();
        assert_eq!(mapping.feature_type.as_deref(), Some("waterfalls"));
    }

    #[test]
    fn an_unknown_mapping_names_the_shipped_ones() {
        let error = read_mapping("dams-ab").unwrap_err();
        assert!(error.next_step().unwrap().contains("dams-bc"));
    }

    #[test]
    fn values_that_the_mapping_drops_are_counted_in_one_line() {
        let note = |kind, field: &str| Note {
            kind,
            field: field.to_owned(),
            count: 7,
            first: "\"x\": strange".to_owned(),
            place: "a.csv:2".to_owned(),
        };
        let notes = [
            note(NoteKind::UnusedColumn, "colour"),
            note(NoteKind::DroppedValue, "use_code"),
            note(NoteKind::DroppedValue, "height_m"),
        ];
        assert_eq!(
            note_lines(&notes),
            [
                "note: values left out, as the mapping says: use_code 7, height_m 7",
                "note: colour: \"x\": strange (7 times, first at a.csv:2)",
            ]
        );
    }

    #[test]
    fn the_bar_counts_the_files_before() {
        let bar = ProgressBar::hidden();
        let advance = advance(&bar);
        for (input, bytes) in [("a", 5), ("a", 10), ("b", 1), ("b", 7)] {
            advance(Progress {
                input: input.to_owned(),
                bytes,
                size: None,
                rows: 0,
                rejected: 0,
            });
        }
        assert_eq!(bar.position(), 17);
    }
}

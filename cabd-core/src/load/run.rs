//! A load from end to end.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures::channel::mpsc::{Sender, channel};
use futures::future::{Either, poll_fn, ready};
use futures::stream::{iter, once};
use futures::{StreamExt, join};

use super::convert::Refusal;
use super::feed::{self, Chunk, Input};
use super::lookup;
use super::mapper::{Goal, Mapped, MappedRow, Mapper};
use super::mapping::{Encoding, Mapping};
use super::matching::{Existing, How, Match, Matcher, Refused};
use super::operations::{Hit, Maker};
use super::report::{LoadReport, NoteKind, Notes, RejectSink, Rejected, Touched};
use super::sources;
use super::target::TableRules;
use super::updates;
use crate::catalog::Relation;
use crate::error::{Error, Result};
use crate::feature::{Action, Applied, ChangeHead, ChangeKind, Fields, Operation};
use crate::format::{Format, MAX_RECORD_BYTES, TextEncoding};
use crate::id::Uuid;
use crate::store::{OperationStream, Store};
use crate::value::Value;

/// How far a load has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The file at hand.
    pub input: String,
    /// Bytes of it that were read, as stored.
    pub bytes: u64,
    /// Its size in bytes, where known.
    pub size: Option<u64>,
    /// Rows read of all files.
    pub rows: u64,
    /// Rows rejected of all files.
    pub rejected: u64,
}

/// How to load.
#[derive(Clone)]
pub struct LoadOptions {
    /// The feature type. A mapping may name it instead; where both do, they must agree.
    pub feature_type: Option<String>,
    /// The reference table (`schema.table`) to fill instead of a type.
    pub table: Option<String>,
    /// The mapping. Without one, columns named like stored attributes are those attributes; the place comes from the
    /// file's geometry, from WKT in a column `geometry`, `Geometry (WKT)` or `wkt`, or from `longitude` and `latitude`, `lon` and `lat`,
    /// or `x` and `y` in degrees; other columns are noted.
    pub mapping: Option<Mapping>,
    /// Name of the data source, instead of the mapping's.
    pub source_name: Option<String>,
    /// Why the rows have no data source. Needed where they set values whose source is tracked, and none is named.
    pub no_source: Option<String>,
    /// Attribute that tells how new a row is, instead of the mapping's [`SourceRule::keep_newer`](super::SourceRule::keep_newer);
    /// a data source must be named.
    pub keep_newer: Option<String>,
    /// How rows find their features; the mapping's own rule where absent, else [`Match::Source`].
    pub match_rule: Option<Match>,
    /// Check and count everything, then leave the store as it was.
    pub dry_run: bool,
    /// Who loads.
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The program that loads.
    pub client: Option<String>,
    /// Longest record of a file in bytes.
    pub max_record_bytes: usize,
    /// Called about every five hundred rows.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            feature_type: None,
            table: None,
            mapping: None,
            source_name: None,
            no_source: None,
            keep_newer: None,
            match_rule: None,
            dry_run: false,
            author: None,
            reason: None,
            client: None,
            max_record_bytes: MAX_RECORD_BYTES,
            progress: None,
        }
    }
}

impl fmt::Debug for LoadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadOptions")
            .field("feature_type", &self.feature_type)
            .field("table", &self.table)
            .field("source_name", &self.source_name)
            .field("keep_newer", &self.keep_newer)
            .field("match_rule", &self.match_rule)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

impl LoadOptions {
    fn goal(&self) -> Result<Goal> {
        let mapping = self.mapping.as_ref();
        let one =
            |given: &Option<String>, mapped: Option<&String>, field: &str| match (given, mapped) {
                (Some(a), Some(b)) if !a.eq_ignore_ascii_case(b) => {
                    Err(Error::invalid(format!("the mapping is for {b:?}"))
                        .field(field)
                        .value(a))
                }
                (given, mapped) => Ok(given.as_ref().or(mapped).cloned()),
            };
        let feature_type = one(
            &self.feature_type,
            mapping.and_then(|m| m.feature_type.as_ref()),
            "type",
        )?;
        let table = one(&self.table, mapping.and_then(|m| m.table.as_ref()), "table")?;
        match (feature_type, table) {
            (Some(id), None) => Ok(Goal::Type(id)),
            (None, Some(id)) => Ok(Goal::Table(id)),
            (None, None) => Err(Error::invalid(
                "neither a feature type nor a reference table is named",
            )
            .field("type")
            .hint("name the type, or use a mapping that does")),
            (Some(a), Some(b)) => Err(Error::invalid(
                "a feature type and a reference table are both named",
            )
            .field("type")
            .value(format!("{a}, {b}"))),
        }
    }
}

/// Loads files into a store as one change, and says what became of their rows.
///
/// Rejected rows go to `rejects` as they come. The store must answer reads while it takes a change; every read sees it as it was before,
/// so that rows of one load never match each other.
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a fault of a file, with the place, or of the mapping; what the
/// store's `apply` answers; what the sink answers. The store is as it was before.
///
/// ```
/// use cabd_core::load::{Input, LoadOptions, load};
/// # use cabd_core::{catalog::Manifest, memory::MemoryStore, store::CatalogStore};
/// # let toml = "[type]\nid='sites'\nname.en='Sites'\n[geometry]\nkind='point'\n[[attributes]]\nid='cabd_id'\ntype='uuid'\nname.en='Identifier'\n[[attributes]]\nid='geometry'\ntype='geometry(point)'\nname.en='Place'\n[[attributes]]\nid='height_m'\ntype='double'\nname.en='Height'\n";
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let store = MemoryStore::new();
/// # store.change_catalog(&Manifest::from_toml("t", toml)?).await?;
/// let csv = "lon,lat,height_m\n-75.5,45.4,12\n-75.6,45.5,tall\n";
/// let options = LoadOptions { feature_type: Some("sites".into()), ..LoadOptions::default() };
/// let report = load(&store, vec![Input::new("sites.csv", csv.as_bytes())], options, Box::new(())).await?;
/// assert_eq!((report.inserted, report.rejected), (1, 1));
/// assert_eq!(report.first_rejected[0].line, 3);
/// # Ok::<(), cabd_core::Error>(())
/// # }).unwrap();
/// ```
pub async fn load(
    store: &dyn Store,
    inputs: Vec<Input>,
    options: LoadOptions,
    rejects: Box<dyn RejectSink + '_>,
) -> Result<LoadReport> {
    let goal = options.goal()?;
    let catalog = store.catalog().await?;
    let mapper = Mapper::new(
        catalog,
        goal,
        options.mapping.clone(),
        options.source_name.clone(),
        options.keep_newer.clone(),
    )?;
    let encoding = match mapper.mapping().encoding {
        Encoding::Utf8 => TextEncoding::Utf8,
        Encoding::Latin1 => TextEncoding::Latin1,
    };
    let declared = mapper.mapping().match_rule.as_ref().and_then(|m| m.rule);
    let match_rule = options.match_rule.or(declared).unwrap_or_default();
    mapper.check_match(match_rule)?;
    let names = inputs.iter().map(|i| i.name.clone()).collect();
    let sizes = inputs.iter().map(|i| i.size).collect();
    let formats = inputs.iter().map(|i| i.format().ok()).collect();
    let mut work = Work {
        matcher: Matcher::new(store, match_rule),
        mapper,
        maker: Maker::default(),
        notes: Notes::default(),
        report: LoadReport::default(),
        rejects,
        names,
        sizes,
        formats,
        options,
        contact: None,
    };
    let head = work.head().await?;
    let chunks = feed::start(inputs, encoding, work.options.max_record_bytes)?;
    let (mut sender, receiver) = channel::<Result<Vec<Operation>>>(1);
    let operations: OperationStream = receiver
        .map(|batch| match batch {
            Ok(all) => Either::Left(iter(all.into_iter().map(Ok))),
            Err(e) => Either::Right(once(ready(Err(e)))),
        })
        .flatten()
        .boxed();
    let produce = async {
        let done = work.produce(chunks, &mut sender).await;
        if done.is_err() {
            // What the store says about this does not matter: the true reason is `done`.
            let stop = Error::invalid("the load was stopped");
            give(&mut sender, Err(stop)).await;
        }
        drop(sender);
        done
    };
    let (applied, produced) = join!(store.apply(&head, operations), produce);
    produced?;
    work.finish(applied?)
}

/// Hands a batch to the store; false when it does not listen any more.
async fn give(sender: &mut Sender<Result<Vec<Operation>>>, batch: Result<Vec<Operation>>) -> bool {
    if poll_fn(|context| sender.poll_ready(context)).await.is_err() {
        return false;
    }
    sender.start_send(batch).is_ok()
}

struct Work<'a> {
    matcher: Matcher<'a>,
    mapper: Mapper,
    maker: Maker,
    notes: Notes,
    report: LoadReport,
    rejects: Box<dyn RejectSink + 'a>,
    names: Vec<String>,
    sizes: Vec<Option<u64>>,
    formats: Vec<Option<Format>>,
    options: LoadOptions,
    /// The contact behind suggested updates, and the operation that makes it.
    contact: Option<(Uuid, Option<Operation>)>,
}

/// A value that a row does not have, of a column with a default, is not named: it stays, or becomes the default.
fn without_defaults(main: &TableRules, values: Vec<Value>) -> (Fields, Vec<Value>) {
    let kept = |field: &String, value: &Value| {
        let column = main.table.position(field).map(|i| &main.table.columns[i]);
        !(value.is_null() && column.is_some_and(|c| c.now || c.default.is_some()))
    };
    let pairs = || main.fields.iter().zip(&values);
    if pairs().all(|(f, v)| kept(f, v)) {
        return (main.fields.clone(), values);
    }
    let named: Vec<(&String, &Value)> = pairs().filter(|(f, v)| kept(f, v)).collect();
    let fields = named.iter().map(|(f, _)| (*f).clone()).collect();
    (fields, named.into_iter().map(|(_, v)| v.clone()).collect())
}

impl Work<'_> {
    /// The head of the change, with its one data source if it has only one.
    async fn head(&mut self) -> Result<ChangeHead> {
        let only = self.mapper.only_source();
        self.matcher.sources(&self.mapper).await?;
        let mut head = ChangeHead {
            author: self.options.author.clone(),
            reason: self.options.reason.clone(),
            kind: ChangeKind::Load,
            data_source: only.and_then(|at| self.matcher.source(at)).map(|s| s.id),
            client: self.options.client.clone(),
            dry_run: self.options.dry_run,
            reads_along: only.is_none() || self.matcher.reads(&self.mapper).await?,
            ..ChangeHead::default()
        };
        if let Some(why) = self.options.no_source.as_ref().filter(|_| only.is_none()) {
            head.without_source(why)?;
        }
        Ok(head)
    }

    async fn produce(
        &mut self,
        mut chunks: futures::channel::mpsc::Receiver<Result<Chunk>>,
        sender: &mut Sender<Result<Vec<Operation>>>,
    ) -> Result<()> {
        let mut out = vec![];
        let mut ended = 0;
        let mut crs: Option<String> = None;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            if let Some(columns) = &chunk.columns {
                crs.clone_from(&chunk.crs);
                self.maker.rules_changed();
                let bound = self.mapper.bind(columns, crs.as_deref());
                bound.map_err(|e| match e.place() {
                    None => e.at(self.names[chunk.input].clone()),
                    Some(_) => e,
                })?;
                self.refuse_strange(chunk.input, columns)?;
            }
            if chunk.is_last {
                ended += 1;
                self.end_of_input(&chunk);
            }
            let (input, bytes) = (chunk.input, chunk.bytes);
            let mut refused = vec![];
            let rows = self.map(chunk, &mut refused);
            let rows = self.looked_up(rows, &mut refused).await?;
            if self.mapper.target.feature_type.is_some() {
                self.features(rows, &mut refused, &mut out).await?;
            } else {
                self.table_rows(rows, &mut refused, &mut out).await?;
            }
            refused.sort_by_key(|(input, line, _)| (*input, *line));
            for why in refused {
                self.reject(why)?;
            }
            if !out.is_empty() && !give(sender, Ok(std::mem::take(&mut out))).await {
                return Ok(()); // the store stopped, and says why
            }
            if let Some(progress) = &self.options.progress {
                progress(Progress {
                    input: self.names[input].clone(),
                    bytes,
                    size: self.sizes[input],
                    rows: self.report.read,
                    rejected: self.report.rejected,
                });
            }
        }
        if ended < self.names.len() {
            return Err(Error::internal("the reading thread ended early"));
        }
        if !out.is_empty() {
            give(sender, Ok(out)).await;
        }
        self.rejects.finish()
    }

    /// A table of which no column is known is another file than was meant.
    fn refuse_strange(&mut self, input: usize, columns: &[Arc<str>]) -> Result<()> {
        if self.formats[input] != Some(Format::Csv) || self.mapper.finds_a_column() {
            return Ok(());
        }
        let names = columns.iter().take(8).map(|c| &**c).collect::<Vec<_>>();
        let expected = if self.options.mapping.is_some() {
            "a file with columns that the mapping names"
        } else {
            "columns named like attributes of the type"
        };
        Err(Error::invalid("no column of the file is known")
            .at(self.names[input].clone())
            .value(names.join(", "))
            .expected(expected)
            .hint("is it the right file? Columns with other names need a mapping"))
    }

    fn end_of_input(&mut self, chunk: &Chunk) {
        let name = &self.names[chunk.input];
        self.mapper.note_columns(name, &mut self.notes);
        if let Some(crs) = &chunk.crs {
            let what = || (format!("the file declares {crs}"), name.clone());
            self.notes.add(NoteKind::DeclaredCrs, "crs", what);
        }
    }

    fn reject(&mut self, (input, line, why): Refused) -> Result<()> {
        self.report.rejected += 1;
        let row = Rejected {
            input: self.names[input].clone(),
            line,
            field: why.field,
            value: why.value,
            reason: why.reason,
        };
        self.rejects.reject(&row)?;
        if self.report.first_rejected.len() < LoadReport::FIRST_REJECTED {
            self.report.first_rejected.push(row);
        }
        Ok(())
    }

    fn map(&mut self, chunk: Chunk, refused: &mut Vec<Refused>) -> Vec<MappedRow> {
        let mut out = Vec::with_capacity(chunk.rows.len());
        let name = self.names[chunk.input].clone();
        let place = |line: u64| format!("{name}:{line}");
        for row in &chunk.rows {
            self.report.read += 1;
            match self.mapper.map(chunk.input, row, &mut self.notes, &place) {
                Mapped::Row(mapped) => out.push(mapped),
                Mapped::Skipped => self.report.skipped += 1,
                Mapped::Rejected(why) => refused.push((chunk.input, row.line, why)),
            }
        }
        out
    }

    async fn looked_up(
        &mut self,
        rows: Vec<MappedRow>,
        refused: &mut Vec<Refused>,
    ) -> Result<Vec<MappedRow>> {
        let (notes, names) = (&mut self.notes, &self.names);
        let mut dropped = |input: usize, line: u64, why: Refusal| {
            notes.add(NoteKind::DroppedValue, &why.field, || {
                let place = format!("{}:{line}", names[input]);
                (format!("{:?}: {}", why.value, why.reason), place)
            });
        };
        let (store, target) = (self.matcher.store, &self.mapper.target);
        lookup::resolve(store, target, rows, refused, &mut dropped).await
    }

    fn place(&self, input: usize, line: u64) -> Arc<str> {
        format!("{}:{line}", self.names[input]).into()
    }

    async fn features(
        &mut self,
        rows: Vec<MappedRow>,
        refused: &mut Vec<Refused>,
        out: &mut Vec<Operation>,
    ) -> Result<()> {
        self.matcher.sources(&self.mapper).await?;
        let found = self
            .matcher
            .find(&self.mapper, rows, &self.names, refused)
            .await?;
        self.report.skipped += std::mem::take(&mut self.matcher.skipped);
        let existing = self.matcher.existing(&self.mapper, &found).await?;
        for (row, id, how) in found {
            if how == How::New
                && let Some(why) = self.missing(&row)
            {
                refused.push((row.input, row.line, why));
                continue;
            }
            let place = self.place(row.input, row.line);
            if how == How::Same && self.is_older(&row, id, &existing, &place) {
                continue;
            }
            // A source of rejected rows only is not written.
            out.extend(row.source.and_then(|s| self.matcher.make_source(s)));
            let source: Option<Uuid> = row
                .source
                .and_then(|s| self.matcher.source(s))
                .map(|s| s.id);
            let hit = Hit {
                row,
                id,
                how,
                source,
            };
            self.maker
                .make(&self.mapper.target, hit, &existing, &place, out);
            if self.maker.unsourced && self.options.no_source.is_none() {
                return Err(sources::unsaid(&place));
            }
        }
        Ok(())
    }

    /// Whether the feature has a newer value of the same source; such a row is counted and noted.
    fn is_older(&mut self, row: &MappedRow, id: Uuid, existing: &Existing, place: &str) -> bool {
        let Some(at) = self.mapper.newness else {
            return false;
        };
        let target = &self.mapper.target;
        let tracked = target.tracked.iter();
        let tracked = tracked
            .map(|t| (t.part, t.rule))
            .position(|t| t == (None, at));
        let given = tracked.and_then(|t| {
            let column = target.source_fields.get(t + 1)?;
            existing.attributes.get(&id)?.get(column).as_uuid()
        });
        let own = row.source.and_then(|s| self.matcher.source(s));
        if given.is_some() && given != own.map(|s| s.id) {
            return false;
        }
        let (value, stored) = (&row.main[at], existing.newness.get(&id));
        if stored.and_then(|s| value.compare(s)) != Some(Ordering::Less) {
            return false;
        }
        self.report.older += 1;
        let name = target.main.rules[at].to.clone();
        self.notes.add(NoteKind::OlderRow, &name, || {
            let stored = stored.map(ToString::to_string).unwrap_or_default();
            let first = format!("{value} is older than {stored}, which is stored");
            (first, place.to_owned())
        });
        true
    }

    /// A value that a new row must have and has not.
    fn missing(&self, row: &MappedRow) -> Option<Refusal> {
        let main = &self.mapper.target.main;
        let refuse = |name: &str| Refusal::new(name, "", "a value is required");
        for (i, column) in main.table.columns.iter().enumerate().skip(main.table.key) {
            if column.nullable {
                continue;
            }
            let at = main.rules.iter().position(|r| r.column == i);
            if at.is_none_or(|at| row.main[at].is_null()) {
                return Some(refuse(column.attribute.as_deref().unwrap_or(&column.name)));
            }
        }
        for (part, own) in self.mapper.target.parts.iter().zip(&row.parts) {
            if own.iter().all(crate::value::Value::is_null) {
                continue;
            }
            let columns = part.rules.table.columns.iter().enumerate().skip(2);
            for (i, column) in columns.filter(|(_, c)| !c.nullable) {
                let at = part.rules.rules.iter().position(|r| r.column == i);
                if at.is_none_or(|at| own[at].is_null()) {
                    return Some(refuse(column.attribute.as_deref().unwrap_or(&column.name)));
                }
            }
        }
        None
    }

    async fn table_rows(
        &mut self,
        mut rows: Vec<MappedRow>,
        refused: &mut Vec<Refused>,
        out: &mut Vec<Operation>,
    ) -> Result<()> {
        self.matcher.sources(&self.mapper).await?;
        if self.mapper.target.main.relation == Relation::FeatureUpdate {
            rows = self.suggestions(rows, refused).await?;
        }
        let target = &self.mapper.target;
        let own_key = target.main.rules.iter().position(|r| r.column == 0);
        let made = target.id_by_name || target.id_by_source;
        let key_at = if made { Some(0) } else { own_key };
        if target.id_by_name {
            sources::identify(self.matcher.store, target, &mut rows).await?;
        }
        for row in rows {
            let main = &self.mapper.target.main;
            let key = key_at.map(|at| &row.main[at]).filter(|k| !k.is_null());
            let name = main.table.columns[0].name.clone();
            let why = match key {
                None => Some(("".to_owned(), "the row has no key".to_owned())),
                Some(key) => self
                    .matcher
                    .first_of_key((row.input as u32, row.line), key)
                    .map(|(input, line)| {
                        let first = self.place(input as usize, line);
                        (
                            key.to_json().to_string(),
                            format!("the key was in {first} already"),
                        )
                    }),
            };
            if let Some((value, why)) = why {
                refused.push((row.input, row.line, Refusal::new(&name, value, why)));
                continue;
            }
            out.extend(row.source.and_then(|s| self.matcher.make_source(s)));
            out.extend(self.contact.as_mut().and_then(|(_, make)| make.take()));
            let mut values = row.main;
            if self.mapper.target.kind.is_some() {
                values.push(row.geometry.into());
            }
            let main = &self.mapper.target.main;
            let (fields, values) = without_defaults(main, values);
            let mut operation =
                Operation::with_fields(main.relation.clone(), Action::Put, fields, values);
            operation.place = Some(self.place(row.input, row.line));
            out.push(operation);
        }
        Ok(())
    }

    /// The rows with what a load adds to suggested updates.
    async fn suggestions(
        &mut self,
        rows: Vec<MappedRow>,
        refused: &mut Vec<Refused>,
    ) -> Result<Vec<MappedRow>> {
        let of = |at: Option<usize>| at.and_then(|s| self.matcher.source(s)).map(|s| s.id);
        if let (None, Some(rule)) = (&self.contact, &self.mapper.mapping().contact) {
            let source = of(rows.first().and_then(|r| r.source));
            self.contact = Some(updates::contact(self.matcher.store, rule, source).await?);
        }
        let (mapper, store) = (&self.mapper, self.matcher.store);
        let source = |row: &MappedRow| of(row.source);
        let contact = self.contact.as_ref().map(|(id, _)| *id);
        let (catalog, target) = (&mapper.catalog, &mapper.target);
        updates::complete(store, catalog, target, rows, source, contact, refused).await
    }

    fn finish(self, applied: Applied) -> Result<LoadReport> {
        let mut report = self.report;
        let counts = Touched::from(applied.of(&self.mapper.target.main.relation));
        report.inserted = counts.inserted;
        report.updated = counts.updated;
        report.unchanged = counts.unchanged + report.older;
        report.kept = self.maker.kept;
        report.commit = applied.commit.map(|c| c.0);
        let relations = applied
            .counts
            .into_iter()
            .map(|(r, c)| (r.to_string(), c.into()));
        report.relations = relations.collect::<BTreeMap<_, _>>();
        report.notes = self.notes.into_vec();
        Ok(report)
    }
}

//! Synthetic features: made-up rows of any type and number, for measuring, showing and testing.
//!
//! Nothing here is real and everything says so: the data source is named "Synthetic data (seed N), not real", and a
//! type's comments begin with the word synthetic. Places cluster along made-up rivers, values are drawn from the type's
//! code lists and plausible ranges, and the same seed gives the same rows.

mod columns;
mod places;
mod words;

use std::sync::Arc;

use futures::StreamExt;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uuid::{Builder, Uuid};

use crate::catalog::{Catalog, FeatureType, ID, Relation, Table};
use crate::error::{Error, Result};
use crate::feature::{Action, Fields, Operation};
use crate::store::OperationStream;
use crate::value::Value;
use columns::Generator;
use places::Places;

/// Milliseconds of 2020-01-01, where the identifiers' clock starts; it ticks once a row.
const EPOCH_MS: u64 = 1_577_836_800_000;

/// The share of an attribute source's columns that name a source.
const SOURCED: f64 = 0.4;

/// A generator of synthetic features of one base type.
///
/// It gives one data source, then for each feature its row, one row of each part, one feature source (one feature in
/// twelve has two) and an attribute source, as far as the type has those tables.
///
/// ```
/// use cabd_core::catalog::{Catalog, Manifest};
/// use cabd_core::synth::Synth;
///
/// let manifest = Manifest::from_toml("ponds.toml", r#"
///     [type]
///     id = "ponds"
///     name = { en = "Ponds", fr = "Étangs" }
///     [geometry]
///     kind = "point"
///     [[attributes]]
///     id = "cabd_id"
///     type = "uuid"
///     [[attributes]]
///     id = "depth_m"
///     type = "double"
///     plausible = [0.0, 40.0]
///     [[attributes]]
///     id = "geometry"
///     type = "geometry(point)"
/// "#)?;
/// let catalog = Catalog::new(1, manifest)?;
/// let rows: Vec<_> = Synth::new(&catalog, "ponds", 10, 42)?.operations().collect();
/// assert_eq!(rows.len(), 1 + 10);
/// assert_eq!(rows, Synth::new(&catalog, "ponds", 10, 42)?.operations().collect::<Vec<_>>());
/// # Ok::<(), cabd_core::Error>(())
/// ```
pub struct Synth {
    feature_type: Arc<FeatureType>,
    features: u64,
    seed: u64,
    main: Shape,
    parts: Vec<Shape>,
    feature_source: Option<Shape>,
    attribute_source: Option<Shape>,
    places: Places,
    rng: ChaCha8Rng,
}

/// The columns that are written to one relation, and how their values are made.
struct Shape {
    relation: Relation,
    fields: Fields,
    generators: Vec<Generator>,
}

impl Shape {
    fn of(catalog: &Catalog, ft: &FeatureType, table: &Table) -> Self {
        let mut fields = vec![];
        let mut generators = vec![];
        let effective = table.effective.as_ref().map(|e| e.column);
        for (i, column) in table.columns.iter().enumerate() {
            if Some(i) == effective || column.retired {
                continue;
            }
            let made = columns::generator(catalog, ft, table, i);
            if let Some(generator) = made {
                fields.push(column.name.clone());
                generators.push(generator);
            }
        }
        Self {
            relation: table.relation.clone(),
            fields: fields.into(),
            generators,
        }
    }

    fn operation(&self, row: &mut Row<'_>) -> Operation {
        let values = self.generators.iter().map(|g| g.value(row)).collect();
        Operation::with_fields(
            self.relation.clone(),
            Action::Insert,
            self.fields.clone(),
            values,
        )
    }
}

/// What the generators of one feature's rows share.
struct Row<'a> {
    rng: &'a mut ChaCha8Rng,
    feature: Uuid,
    /// The key of the part's row, where it is one.
    own: Uuid,
    source: Uuid,
    number: u64,
    place: (f64, f64),
}

impl Synth {
    /// A generator of `features` features of a base type.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown type, [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a super type.
    pub fn new(catalog: &Catalog, feature_type: &str, features: u64, seed: u64) -> Result<Self> {
        let ft = catalog.feature_type(feature_type)?.clone();
        if ft.is_super() {
            return Err(Error::invalid(format!("{} is a super type", ft.id()))
                .field("type")
                .value(ft.id())
                .expected("a type with tables of its own"));
        }
        let shape = |relation: Relation| -> Result<Shape> {
            Ok(Shape::of(catalog, &ft, catalog.table(&relation)?))
        };
        let id: Arc<str> = ft.id().into();
        let parts = ft.parts.iter();
        Ok(Self {
            main: shape(Relation::feature(ft.id()))?,
            parts: parts
                .map(|p| shape(Relation::part(ft.id(), &p.id)))
                .collect::<Result<_>>()?,
            feature_source: ft
                .has_feature_source()
                .then(|| shape(Relation::FeatureSource(id.clone())))
                .transpose()?,
            attribute_source: ft
                .has_attribute_source()
                .then(|| shape(Relation::AttributeSource(id.clone())))
                .transpose()?,
            places: Places::new(seed),
            rng: ChaCha8Rng::seed_from_u64(seed),
            feature_type: ft,
            features,
            seed,
        })
    }

    /// The name of the data source that every row names.
    pub fn source_name(&self) -> String {
        format!("Synthetic data (seed {}), not real", self.seed)
    }

    fn data_source(&self, id: Uuid) -> Operation {
        Operation::new(Relation::DataSource, Action::Put)
            .set("id", id)
            .set("name", self.source_name())
            .set("source_type", "spatial")
            .set(
                "comments",
                format!(
                    "synthetic: made-up {}, for measuring and testing",
                    self.feature_type.id()
                ),
            )
    }

    /// The operations, the data source first. Memory does not grow with their number.
    pub fn operations(mut self) -> impl Iterator<Item = Operation> + Send + 'static {
        let source = identifier(0, &mut self.rng);
        let first = self.data_source(source);
        let mut ticks = 0;
        let rows = (1..=self.features).flat_map(move |number| {
            let mut next = |rng: &mut ChaCha8Rng| {
                ticks += 1;
                identifier(ticks, rng)
            };
            let feature = next(&mut self.rng);
            let place = self.places.next(&mut self.rng);
            let parts: Vec<Uuid> = self.parts.iter().map(|_| next(&mut self.rng)).collect();
            let mut row = Row {
                rng: &mut self.rng,
                feature,
                own: feature,
                source,
                number,
                place,
            };
            let mut out = Vec::with_capacity(4);
            out.push(self.main.operation(&mut row));
            for (part, own) in self.parts.iter().zip(parts) {
                row.own = own;
                out.push(part.operation(&mut row));
            }
            if let Some(shape) = &self.feature_source {
                out.push(shape.operation(&mut row));
                if number % 12 == 0 {
                    let mut second = shape.operation(&mut row);
                    if let Some(Value::Text(key)) = second.values.last_mut() {
                        key.push_str("-b");
                    }
                    out.push(second);
                }
            }
            if let Some(shape) = &self.attribute_source {
                out.push(shape.operation(&mut row));
            }
            out
        });
        std::iter::once(first).chain(rows)
    }

    /// The operations as a stream, for [`FeatureStore::apply`](crate::FeatureStore::apply).
    pub fn stream(self) -> OperationStream {
        futures::stream::iter(self.operations().map(Ok)).boxed()
    }
}

/// A time-ordered identifier (version 7) that only the seed decides.
fn identifier(tick: u64, rng: &mut ChaCha8Rng) -> Uuid {
    let random: [u8; 10] = rng.random();
    Builder::from_unix_timestamp_millis(EPOCH_MS + tick, &random).into_uuid()
}

/// The identifier column's name, for the generators.
const KEY: &str = ID;

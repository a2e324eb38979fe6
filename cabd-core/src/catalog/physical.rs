//! The tables behind feature types: what both SQL stores create and what changes address.

use std::fmt;
use std::sync::Arc;

use super::attribute::{ID, Origin};
use super::code_list::CodeList;
use super::derived::Derived;
use super::feature_type::{FeatureType, Link, Part};
use crate::geometry::GeometryKind;
use crate::value::{DataType, ElementType, Value};

/// An audited relation, by meaning.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Relation {
    /// The data sources, `cabd.data_source`.
    DataSource,
    /// The contacts, `cabd.contacts`.
    Contact,
    /// The changes that users suggest, `cabd.user_feature_updates`.
    FeatureUpdate,
    /// What has become of features that were merged, split or withdrawn, `cabd.feature_identity`.
    Identity,
    /// The codes of a list.
    Codes(Arc<str>),
    /// The features of a type.
    Feature(Arc<str>),
    /// The rows of a type's part.
    Part(Arc<str>, Arc<str>),
    /// The rows of a type's link.
    Link(Arc<str>, Arc<str>),
    /// Which data sources hold a feature.
    FeatureSource(Arc<str>),
    /// Which data source each attribute's value comes from.
    AttributeSource(Arc<str>),
}

impl Relation {
    /// The features of `feature_type`.
    pub fn feature(feature_type: &str) -> Self {
        Relation::Feature(feature_type.into())
    }

    /// The rows of a part.
    pub fn part(feature_type: &str, part: &str) -> Self {
        Relation::Part(feature_type.into(), part.into())
    }

    /// The rows of a link.
    pub fn link(feature_type: &str, link: &str) -> Self {
        Relation::Link(feature_type.into(), link.into())
    }

    /// Whether the table is there whatever types and lists there are.
    pub fn is_shared(&self) -> bool {
        use Relation::{Contact, DataSource, FeatureUpdate, Identity};
        matches!(self, DataSource | Contact | FeatureUpdate | Identity)
    }

    /// Rows that must be written before rows of a greater rank, and deleted after them.
    pub fn rank(&self) -> u8 {
        match self {
            Relation::DataSource | Relation::Codes(_) => 0,
            Relation::Contact => 1,
            Relation::Feature(_) => 2,
            Relation::Part(..)
            | Relation::Link(..)
            | Relation::FeatureUpdate
            | Relation::Identity => 3,
            Relation::FeatureSource(_) | Relation::AttributeSource(_) => 4,
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Relation::DataSource => f.write_str("data_source"),
            Relation::Contact => f.write_str("contacts"),
            Relation::FeatureUpdate => f.write_str("user_feature_updates"),
            Relation::Identity => f.write_str("feature_identity"),
            Relation::Codes(l) => f.write_str(l),
            Relation::Feature(t) => f.write_str(t),
            Relation::Part(t, p) => write!(f, "{t}.{p}"),
            Relation::Link(t, l) => write!(f, "{t}.{l}"),
            Relation::FeatureSource(t) => write!(f, "{t}_feature_source"),
            Relation::AttributeSource(t) => write!(f, "{t}_attribute_source"),
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name.
    pub name: String,
    /// Type.
    pub data_type: DataType,
    /// Whether it may be null.
    pub nullable: bool,
    /// The value of a new row that gives none.
    pub default: Option<Value>,
    /// Whether a new row that gives none gets the present instant.
    pub now: bool,
    /// The only values there are, where these are words without a code list.
    pub one_of: &'static [&'static str],
    /// The relation whose key its values must be.
    pub references: Option<Relation>,
    /// The attribute shown from it, for comments.
    pub attribute: Option<String>,
    /// Whether it belongs to a retired attribute: kept, but neither shown nor written.
    pub retired: bool,
    /// Whether it follows from other changes: a change of it alone is not logged.
    pub follows: bool,
}

impl Column {
    fn new(name: &str, data_type: DataType) -> Self {
        Self {
            name: name.to_owned(),
            data_type,
            nullable: true,
            default: None,
            now: false,
            one_of: &[],
            references: None,
            attribute: None,
            retired: false,
            follows: false,
        }
    }

    fn not_null(mut self) -> Self {
        self.nullable = false;
        self
    }

    fn references(mut self, relation: Relation) -> Self {
        self.references = Some(relation);
        self
    }
}

/// A geometry column that is computed from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The stored column.
    pub column: usize,
    /// The columns it is the first non-null of.
    pub from: Vec<usize>,
}

/// What an entry of the log says about its row: places among the table's columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogIds {
    /// The feature.
    pub cabd_id: Option<usize>,
    /// The data source.
    pub datasource_id: Option<usize>,
    /// The row's own identifier, where the value is a UUID.
    pub id_pk: Option<usize>,
    /// What of the key the others do not hold.
    pub row_key: Vec<usize>,
}

/// A table: name, columns, key, indexes.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What it holds.
    pub relation: Relation,
    /// Schema.
    pub schema: String,
    /// Name within the schema.
    pub name: String,
    /// Columns, the key first.
    pub columns: Vec<Column>,
    /// How many leading columns are the primary key.
    pub key: usize,
    /// The column that holds the parent's key, and the parent; rows go with their parent.
    pub parent: Option<(usize, Relation)>,
    /// Further look-up indexes, each a list of columns.
    pub indexes: Vec<Vec<usize>>,
    /// The spatially indexed column.
    pub spatial: Option<usize>,
    /// The effective geometry, where it is computed.
    pub effective: Option<Effective>,
    /// Where a geometry named `geometry` goes, where no column of that name is written itself.
    pub geometry_input: Option<usize>,
    /// Whether a first column `fid INTEGER PRIMARY KEY` is added in SpatiaLite, as layers need.
    pub is_layer: bool,
}

impl Table {
    /// `schema.name`.
    pub fn qualified(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// The column's place, any case.
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|c| c.name.eq_ignore_ascii_case(column))
    }

    /// The places of the columns that are not retired.
    pub fn shown(&self) -> Vec<usize> {
        (0..self.columns.len())
            .filter(|i| !self.columns[*i].retired)
            .collect()
    }

    /// The columns whose values a row's entry in the log carries beside the old and new values.
    pub fn log_ids(&self) -> LogIds {
        let mut ids = LogIds {
            cabd_id: self.parent.as_ref().map(|(column, _)| *column),
            ..LogIds::default()
        };
        match self.relation {
            Relation::Feature(_) | Relation::Identity => ids.cabd_id = Some(0),
            Relation::DataSource => ids.datasource_id = Some(0),
            Relation::Contact | Relation::Part(..) => ids.id_pk = Some(0),
            Relation::FeatureUpdate => {
                ids.cabd_id = self.position(ID);
                ids.id_pk = Some(0);
            }
            Relation::FeatureSource(_) => {
                ids.datasource_id = Some(1);
                ids.row_key = vec![2];
            }
            // A code may be a UUID, as those of species are.
            Relation::Link(..) => {
                ids.id_pk = Some(1);
                ids.row_key = vec![1];
            }
            Relation::Codes(_) => {
                ids.id_pk = Some(0);
                ids.row_key = vec![0];
            }
            Relation::AttributeSource(_) => {}
        }
        ids
    }

    /// The columns that say which row it is, and whose: the key, and what names the feature. Where one of them changes, the log
    /// has a deletion and an insertion, so that both features' histories tell of it.
    pub fn identity(&self) -> Vec<usize> {
        let of = self.log_ids().cabd_id.filter(|c| *c >= self.key);
        (0..self.key).chain(of).collect()
    }

    fn new(relation: Relation, schema: &str, name: &str, columns: Vec<Column>, key: usize) -> Self {
        Self {
            relation,
            schema: schema.to_owned(),
            name: name.to_owned(),
            columns,
            key,
            parent: None,
            indexes: vec![],
            spatial: None,
            effective: None,
            geometry_input: None,
            is_layer: false,
        }
    }
}

/// The name of a table where there are no schemas: `schema_table`, or `table` where it already begins with the schema.
///
/// ```
/// use cabd_core::catalog::flat_name;
/// assert_eq!(flat_name("dams", "dams_feature_source"), "dams_feature_source");
/// assert_eq!(flat_name("cabd", "feature_types"), "cabd_feature_types");
/// ```
pub fn flat_name(schema: &str, table: &str) -> String {
    if table == schema
        || table
            .strip_prefix(schema)
            .is_some_and(|rest| rest.starts_with('_'))
    {
        table.to_owned()
    } else {
        format!("{schema}_{table}")
    }
}

fn uuid_key(name: &str) -> Column {
    Column::new(name, DataType::Uuid).not_null()
}

fn stored_columns(ft: &FeatureType, part: Option<&str>) -> Vec<Column> {
    let mut out: Vec<Column> = vec![];
    let served = ft.attributes.iter().map(|a| (a, false));
    for (a, retired) in served.chain(ft.retired.iter().map(|a| (a, true))) {
        let Origin::Column { part: p, column } = a.origin() else {
            continue;
        };
        if p != part || out.iter().any(|c| c.name == column) {
            continue;
        }
        let mut c = Column::new(column, a.data_type.clone());
        c.nullable = !a.required || retired;
        c.retired = retired;
        c.follows = a.derived == Some(Derived::LastModified);
        c.attribute = Some(a.id.clone());
        if let Some(list) = &a.codes
            && !matches!(a.data_type, DataType::Array(_))
        {
            c.references = Some(Relation::Codes(list.as_str().into()));
        }
        out.push(c);
    }
    out
}

/// The tables of a base type: its own first, then parts, links and sources. Empty for a super type.
pub fn tables_of(ft: &FeatureType) -> Vec<Table> {
    let Some(rule) = ft.geometry.as_ref().filter(|_| !ft.is_registered()) else {
        return vec![];
    };
    let id: Arc<str> = ft.id().into();
    let mut out = vec![];

    let mut columns = vec![uuid_key(ID)];
    columns.extend(stored_columns(ft, None));
    let first_geometry = columns.len();
    for name in rule.columns() {
        columns.push(Column::new(name, DataType::Geometry(rule.kind)));
    }
    let at = |name: &str| -> usize {
        first_geometry + rule.columns().iter().position(|c| *c == name).unwrap_or(0)
    };
    let mut main = Table::new(
        Relation::Feature(id.clone()),
        ft.schema(),
        ft.table(),
        columns,
        1,
    );
    main.spatial = Some(first_geometry);
    main.is_layer = true;
    main.geometry_input = Some(at(rule.input_column()));
    if rule.is_derived() {
        main.effective = Some(Effective {
            column: first_geometry,
            from: rule.from.iter().map(|c| at(c)).collect(),
        });
    }
    for a in ft
        .attributes
        .iter()
        .filter(|a| a.data_type == DataType::Uuid)
    {
        if let Origin::Column { part: None, column } = a.origin()
            && let Some(i) = main.position(column)
        {
            main.indexes.push(vec![i]);
        }
    }
    out.push(main);

    let parent = Relation::Feature(id.clone());
    for p in &ft.parts {
        out.push(part_table(ft, p, &parent));
    }
    for l in &ft.links {
        out.push(link_table(ft, l, &parent));
    }
    if ft.has_feature_source() {
        let columns = vec![
            uuid_key(ID),
            uuid_key("datasource_id").references(Relation::DataSource),
            Column::new("datasource_feature_id", DataType::Text(None)).not_null(),
        ];
        let relation = Relation::FeatureSource(id.clone());
        let mut t = Table::new(
            relation,
            ft.schema(),
            &format!("{}_feature_source", ft.id()),
            columns,
            3,
        );
        t.parent = Some((0, parent.clone()));
        t.indexes.push(vec![1, 2]);
        out.push(t);
    }
    if ft.has_attribute_source() {
        let mut columns = vec![uuid_key(ID)];
        for (all, retired) in [(&ft.attributes, false), (&ft.retired, true)] {
            for a in all.iter().filter(|a| a.tracked) {
                columns.push(Column {
                    retired,
                    ..Column::new(&format!("{}_ds", a.id), DataType::Uuid)
                        .references(Relation::DataSource)
                });
            }
        }
        let relation = Relation::AttributeSource(id.clone());
        let mut t = Table::new(
            relation,
            ft.schema(),
            &format!("{}_attribute_source", ft.id()),
            columns,
            1,
        );
        t.parent = Some((0, parent.clone()));
        out.push(t);
    }
    out
}

fn part_table(ft: &FeatureType, p: &Part, parent: &Relation) -> Table {
    let mut columns = vec![uuid_key(&p.key), uuid_key(&p.parent)];
    for c in stored_columns(ft, Some(&p.id)) {
        if c.name != p.key && c.name != p.parent {
            columns.push(c);
        }
    }
    for (name, data_type) in [
        (&p.primary, DataType::Boolean),
        (&p.order, DataType::Integer),
    ] {
        if !columns.iter().any(|c| c.name == *name) {
            columns.push(Column::new(name, data_type));
        }
    }
    let mut t = Table::new(
        Relation::part(ft.id(), &p.id),
        ft.schema(),
        p.table(),
        columns,
        1,
    );
    t.parent = Some((1, parent.clone()));
    t.indexes.push(vec![1]);
    t
}

fn link_table(ft: &FeatureType, l: &Link, parent: &Relation) -> Table {
    let list: Arc<str> = l.codes.as_str().into();
    let mut columns = vec![
        uuid_key(&l.parent),
        Column::new(&l.target, DataType::Text(None))
            .not_null()
            .references(Relation::Codes(list)),
    ];
    columns.extend(l.flags.iter().map(|f| Column::new(f, DataType::Boolean)));
    let mut t = Table::new(
        Relation::link(ft.id(), &l.id),
        ft.schema(),
        &l.table,
        columns,
        2,
    );
    t.parent = Some((0, parent.clone()));
    t.indexes.push(vec![1]);
    t
}

/// The table of a code list: key, labels and descriptions in both languages, further columns, extent.
pub fn table_of_list(list: &CodeList) -> Table {
    let text = || DataType::Text(None);
    let mut columns = vec![
        Column::new(&list.key, list.key_type.clone()).not_null(),
        Column::new("name_en", text()),
        Column::new("name_fr", text()),
        Column::new("description_en", text()),
        Column::new("description_fr", text()),
    ];
    columns.extend(
        list.columns
            .iter()
            .map(|c| Column::new(&c.id, c.data_type.clone())),
    );
    let relation = Relation::Codes(list.id.as_str().into());
    let mut t = Table::new(relation, list.schema(), list.table(), columns, 1);
    if let Some(kind) = list.extent {
        t.columns
            .push(Column::new("geometry", DataType::Geometry(kind)));
        t.spatial = Some(t.columns.len() - 1);
        t.geometry_input = t.spatial;
        t.is_layer = true;
    }
    t
}

/// The kinds of a data source.
pub const SOURCE_TYPES: [&str; 2] = ["spatial", "non-spatial"];

/// `cabd.data_source`.
pub fn data_source_table() -> Table {
    let text = || DataType::Text(None);
    let columns = vec![
        uuid_key("id"),
        Column::new("name", text()).not_null(),
        Column::new("version_date", DataType::Date),
        Column::new("version_number", text()),
        Column::new("source", text()),
        Column::new("comments", text()),
        Column {
            one_of: &SOURCE_TYPES,
            ..Column::new("source_type", text())
        },
        Column::new("full_name", text()),
        Column::new("organization_name", text()),
        Column::new("data_source_category", text()),
        Column::new("geographic_coverage", text()),
        Column::new("source_id_field", text()),
        Column::new("licence", text()),
        Column::new("attribution", text()),
        Column::new(
            "province_territory_code",
            DataType::Array(ElementType::Text),
        ),
    ];
    let mut t = Table::new(Relation::DataSource, "cabd", "data_source", columns, 1);
    t.indexes.push(vec![1]);
    t
}

/// `cabd.contacts`.
pub fn contact_table() -> Table {
    let text = || DataType::Text(None);
    let columns = vec![
        uuid_key("id"),
        Column::new("email", text()).not_null(),
        Column::new("name", text()).not_null(),
        Column::new("organization", text()),
        Column::new("datasource_id", DataType::Uuid).references(Relation::DataSource),
        Column {
            default: Some(Value::Bool(false)),
            ..Column::new("mailing_list", DataType::Boolean).not_null()
        },
    ];
    Table::new(Relation::Contact, "cabd", "contacts", columns, 1)
}

/// The states of a suggested update; the first is that of a new one, which its feature waits for.
pub const UPDATE_STATUS: [&str; 2] = ["needs_review", "done"];

/// `cabd.user_feature_updates`. The feature is named by type and identifier, since it may be of any type.
pub fn feature_update_table() -> Table {
    let text = || DataType::Text(None);
    let columns = vec![
        uuid_key("id"),
        Column {
            now: true,
            ..Column::new("datetime", DataType::Timestamp).not_null()
        },
        Column::new("contact_id", DataType::Uuid)
            .not_null()
            .references(Relation::Contact),
        Column::new(ID, DataType::Uuid).not_null(),
        Column::new("cabd_type", DataType::Text(Some(32))).not_null(),
        Column::new("user_description", text()),
        Column::new("user_data_source", text()),
        Column {
            default: Some(Value::from(UPDATE_STATUS[0])),
            one_of: &UPDATE_STATUS,
            ..Column::new("status", text()).not_null()
        },
    ];
    let relation = Relation::FeatureUpdate;
    Table::new(relation, "cabd", "user_feature_updates", columns, 1)
}

/// The acts that end a feature's identifier, apart from its deletion.
pub const IDENTITY_ACTS: [&str; 3] = ["merge", "split", "withdraw"];

/// `cabd.feature_identity`: one row for each feature that was merged, split or withdrawn. Successors are `type/cabd_id`.
pub fn identity_table() -> Table {
    let text = || DataType::Text(None);
    let columns = vec![
        uuid_key(ID),
        Column::new("cabd_type", DataType::Text(Some(32))).not_null(),
        Column {
            one_of: &IDENTITY_ACTS,
            ..Column::new("act", text()).not_null()
        },
        Column::new("successors", DataType::Array(ElementType::Text)),
        Column::new("reason", text()),
        Column {
            now: true,
            ..Column::new("datetime", DataType::Timestamp).not_null()
        },
    ];
    Table::new(Relation::Identity, "cabd", "feature_identity", columns, 1)
}

/// The class of a geometry column, or `None`.
pub fn geometry_kind(column: &Column) -> Option<GeometryKind> {
    match column.data_type {
        DataType::Geometry(k) => Some(k),
        _ => None,
    }
}

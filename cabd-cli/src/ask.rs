//! The options of a question, shared by `query` and `export`.

use cabd::query::{FeatureQuery, Selection, Sort, parse_filter, parse_name_filter};
use cabd::store::HistoryExt;
use cabd::{Bbox, CommitNumber, Result, Store, id};
use clap::Args;

/// Which features, and which attributes of them.
#[derive(Debug, Default, Args)]
pub struct Ask {
    /// Only features that pass; several: all of them. Operators: in, notin, eq, neq, lt, lte, gt, gte, like, isnull, notnull,
    /// and where a value comes from: from (a data source's name or identifier), nosource, hassource
    #[arg(long, value_name = "ATTRIBUTE:OPERATOR:VALUE")]
    filter: Vec<String>,
    /// Only features one of whose names passes, accents and case ignored; several: one of them
    #[arg(long, value_name = "OPERATOR:VALUE")]
    namefilter: Vec<String>,
    /// Of a super type, only these members
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Only these features
    #[arg(long, value_name = "CABD_ID", value_delimiter = ',')]
    id: Vec<String>,
    /// Only features that meet the box, in degrees
    #[arg(long, value_name = "XMIN,YMIN,XMAX,YMAX", allow_hyphen_values = true)]
    bbox: Option<String>,
    /// Only features that share a point with the outline: a POLYGON or MULTIPOLYGON in WKT, longitude first
    #[arg(long, value_name = "WKT")]
    area: Option<String>,
    /// Nearest to this position first
    #[arg(long, value_name = "LON,LAT", allow_hyphen_values = true, conflicts_with_all = ["bbox", "sort"])]
    point: Option<String>,
    /// With --point, only features within this distance
    #[arg(long, value_name = "METRES", requires = "point")]
    within: Option<f64>,
    /// The attributes of a set: all, simple, mobile, …
    #[arg(long, value_name = "SET", conflicts_with = "select")]
    attributes: Option<String>,
    /// These attributes, in this order
    #[arg(long, value_name = "ATTRIBUTE", value_delimiter = ',')]
    select: Vec<String>,
    /// With the data source of each value, where it is tracked
    #[arg(long)]
    sources: bool,
    /// The state of then: a commit number, an instant, the end of a day (UTC), or a release
    #[arg(long, value_name = "COMMIT|TIME|RELEASE")]
    as_of: Option<String>,
    /// Language of labels: en or fr
    #[arg(long, default_value = "en")]
    lang: String,
    /// Sort by these attributes; -ATTRIBUTE is largest first (write --sort=-height_m)
    #[arg(
        long,
        value_name = "[-]ATTRIBUTE",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    sort: Vec<String>,
    /// At most so many features
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Leave out so many features first
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u64,
    /// Continue after the place that an earlier answer gave as `next`
    #[arg(long, value_name = "CURSOR", conflicts_with = "offset")]
    cursor: Option<String>,
}

impl Ask {
    /// The commit that `--as-of` means in a store.
    ///
    /// # Errors
    /// For a text that is neither a commit nor a time nor a release.
    pub async fn commit(&self, store: &dyn Store) -> Result<Option<CommitNumber>> {
        match &self.as_of {
            Some(text) => store.commit_of(text).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether nothing narrows the question.
    pub fn is_everything(&self) -> bool {
        let lists = [
            &self.filter,
            &self.namefilter,
            &self.types,
            &self.id,
            &self.select,
            &self.sort,
        ];
        let texts = [
            &self.bbox,
            &self.area,
            &self.point,
            &self.attributes,
            &self.as_of,
            &self.cursor,
        ];
        lists.iter().all(|l| l.is_empty())
            && texts.iter().all(|t| t.is_none())
            && self.limit.is_none()
            && self.offset == 0
    }

    /// Whether the attributes were named.
    pub fn has_selection(&self) -> bool {
        self.attributes.is_some() || !self.select.is_empty()
    }

    /// The question, about features of a type.
    ///
    /// # Errors
    /// For a value that cannot be read, naming the option and what was expected.
    pub fn query(&self, feature_type: &str) -> Result<FeatureQuery> {
        let mut query = FeatureQuery::of(feature_type);
        let filters = self.filter.iter().map(|text| parse_filter(text));
        query.filter = filters
            .collect::<Result<Vec<_>>>()?
            .into_iter()
            .reduce(|all, next| all.and(next));
        query.names = self
            .namefilter
            .iter()
            .map(|text| parse_name_filter(text))
            .collect::<Result<_>>()?;
        query.types.clone_from(&self.types);
        if !self.id.is_empty() {
            let ids = self.id.iter().map(|text| id::parse("id", text.trim()));
            query.ids = Some(ids.collect::<Result<_>>()?);
        }
        query.area = self.area.as_deref().map(str::parse).transpose()?;
        query.bbox = self.bbox.as_deref().map(str::parse::<Bbox>).transpose()?;
        query.near = self.point.as_deref().map(str::parse).transpose()?;
        if let Some(near) = &mut query.near {
            near.within_m = self.within;
        }
        query.select = match (&self.attributes, self.select.as_slice()) {
            (Some(set), _) => Selection::Set(set.clone()),
            (None, []) => Selection::All,
            (None, named) => Selection::Attributes(named.to_vec()),
        };
        query.sources = self.sources;
        query.lang = self.lang.parse()?;
        query.sort = self.sort.iter().map(|key| sort(key)).collect();
        query.limit = self.limit;
        query.offset = self.offset;
        query.after = self.cursor.as_deref().map(str::parse).transpose()?;
        Ok(query)
    }
}

fn sort(key: &str) -> Sort {
    let (attribute, descending) = match key.strip_prefix('-') {
        Some(attribute) => (attribute, true),
        None => (key, false),
    };
    Sort {
        attribute: attribute.to_owned(),
        descending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> Ask {
        Ask {
            lang: "en".to_owned(),
            ..Ask::default()
        }
    }

    #[test]
    fn a_minus_before_a_sort_key_is_descending() {
        let mut ask = ask();
        ask.sort = vec!["dam_name_en".to_owned(), "-height_m".to_owned()];
        let sort = ask.query("dams").unwrap().sort;
        assert!(!sort[0].descending);
        assert_eq!(
            (sort[1].attribute.as_str(), sort[1].descending),
            ("height_m", true)
        );
    }

    #[test]
    fn several_filters_must_all_pass() {
        let mut ask = ask();
        ask.filter = vec![
            "a:eq:1".to_owned(),
            "b:eq:2".to_owned(),
            "c:eq:3".to_owned(),
        ];
        assert!(matches!(
            ask.query("dams").unwrap().filter,
            Some(cabd::query::Filter::And(all)) if all.len() == 3
        ));
    }

    #[test]
    fn a_value_that_cannot_be_read_names_its_option() {
        for (wrong, field) in [
            (
                Ask {
                    bbox: Some("1,2,3".into()),
                    ..ask()
                },
                "bbox",
            ),
            (
                Ask {
                    area: Some("POINT(1 2)".into()),
                    ..ask()
                },
                "area",
            ),
            (
                Ask {
                    point: Some("200,0".into()),
                    ..ask()
                },
                "point",
            ),
            (
                Ask {
                    filter: vec!["height_m".into()],
                    ..ask()
                },
                "filter",
            ),
            (
                Ask {
                    namefilter: vec!["lt:a".into()],
                    ..ask()
                },
                "namefilter",
            ),
            (
                Ask {
                    lang: "de".into(),
                    ..ask()
                },
                "lang",
            ),
            (
                Ask {
                    cursor: Some("7".into()),
                    ..ask()
                },
                "cursor",
            ),
            (
                Ask {
                    id: vec!["7".into()],
                    ..ask()
                },
                "id",
            ),
        ] {
            let error = wrong.query("dams").unwrap_err();
            assert_eq!(error.field_name(), Some(field), "{error}");
        }
    }
}

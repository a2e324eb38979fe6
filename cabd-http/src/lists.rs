//! The parameters of lists, read into a question.

use cabd_core::catalog::{Catalog, FeatureType};
use cabd_core::query::{FeatureQuery, Selection, Sort, parse_filter, parse_name_filter};

use crate::problem::Problem;
use crate::request::Asked;

/// A list that is asked for.
#[derive(Debug)]
pub(crate) struct List {
    /// The question, still without a limit.
    pub(crate) query: FeatureQuery,
    /// The attributes of the chosen set; empty where all are chosen.
    pub(crate) shown: Vec<String>,
    /// `max-results`.
    pub(crate) most: Option<u64>,
    /// `offset`.
    pub(crate) offset: u64,
}

/// Reads the parameters of a list of `ft`; `types` only of a super type.
pub(crate) fn read(
    asked: &Asked,
    catalog: &Catalog,
    ft: &FeatureType,
) -> Result<List, Box<Problem>> {
    let refuse = |e: cabd_core::Error| Box::new(Problem::of(&e));
    let mut query = FeatureQuery::of(ft.id());
    query.lang = asked.lang;
    // Larger batches would make a slow client's answer hold more.
    query.batch_rows = 256;
    query.near = asked
        .query
        .one("point")?
        .map(str::parse)
        .transpose()
        .map_err(refuse)?;
    part(asked, ft, &mut query)?;
    let most = number(asked, "max-results")?;
    let offset = number(asked, "offset")?.unwrap_or(0);
    if query.near.is_some() {
        // The point wins over the box.
        query.bbox = None;
        if most.is_none() {
            return Err(Box::new(
                Problem::parameter(
                    "max-results",
                    "",
                    "needed beside point",
                    "nécessaire avec point",
                )
                .expected("a whole number, 0 or more", "un nombre entier, 0 ou plus"),
            ));
        }
    }
    query.sources = with_sources(asked)?;
    conditions(asked, &mut query)?;
    for key in asked.query.all("sort").flat_map(|t| t.split(',')) {
        let (attribute, descending) = match key.trim().strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (key.trim(), false),
        };
        let attribute = ft.require("sort", attribute).map_err(refuse)?.id.clone();
        query.sort.push(Sort {
            attribute,
            descending,
        });
    }
    let mut shown = vec![];
    if let Some(set) = asked.query.one("attributes")? {
        let set = catalog.set_name(set).map_err(refuse)?;
        query.select = Selection::Set(set.to_owned());
        shown = ft.set(set).iter().map(|a| a.id.clone()).collect();
    }
    Ok(List {
        query,
        shown,
        most,
        offset,
    })
}

/// Reads `sources`: whether the data sources of values come along.
pub(crate) fn with_sources(asked: &Asked) -> Result<bool, Box<Problem>> {
    match asked.query.one("sources")? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Box::new(
            Problem::parameter("sources", other, "not a yes or no", "ni oui ni non")
                .expected("true or false", "true ou false"),
        )),
    }
}

/// Reads `bbox` and `area`, and `types` of a super type.
pub(crate) fn part(
    asked: &Asked,
    ft: &FeatureType,
    query: &mut FeatureQuery,
) -> Result<(), Box<Problem>> {
    let refuse = |e: cabd_core::Error| Box::new(Problem::of(&e));
    let bbox = asked.query.one("bbox")?.map(str::parse);
    query.bbox = bbox.transpose().map_err(refuse)?;
    let area = asked.query.one("area")?.map(str::parse);
    query.area = area.transpose().map_err(refuse)?;
    if ft.is_super() {
        let names = asked.query.all("types").flat_map(|t| t.split(','));
        query.types = names.map(|t| t.trim().to_owned()).collect();
    }
    Ok(())
}

/// Reads `filter` and `namefilter`.
pub(crate) fn conditions(asked: &Asked, query: &mut FeatureQuery) -> Result<(), Box<Problem>> {
    let refuse = |e: cabd_core::Error| Box::new(Problem::of(&e));
    let filters = asked.query.all("filter").map(parse_filter);
    let filters = filters
        .collect::<cabd_core::Result<Vec<_>>>()
        .map_err(refuse)?;
    query.filter = filters.into_iter().reduce(|all, next| all.and(next));
    let names = asked.query.all("namefilter").map(parse_name_filter);
    query.names = names.collect::<cabd_core::Result<_>>().map_err(refuse)?;
    Ok(())
}

fn number(asked: &Asked, name: &str) -> Result<Option<u64>, Box<Problem>> {
    let Some(text) = asked.query.one(name)? else {
        return Ok(None);
    };
    let read = text
        .trim()
        .parse::<u64>()
        .ok()
        .filter(|n| i64::try_from(*n).is_ok());
    read.map(Some).ok_or_else(|| {
        Box::new(
            Problem::parameter(
                name,
                text,
                "not a number of features",
                "pas un nombre d’éléments",
            )
            .expected("a whole number, 0 or more", "un nombre entier, 0 ou plus"),
        )
    })
}

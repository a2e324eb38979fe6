//! How much of each type comes from which source, with ages.

use cabd::store::{SourcesExt, TypeSources};
use cabd::time::Date;
use cabd::{Error, Result, Store};
use serde_json::{Value, json};

use crate::{output, table};

/// Days of a year and of a month, on average.
const YEAR: f64 = 365.2425;

pub(super) async fn show(
    store: &dyn Store,
    feature_type: Option<&str>,
    as_json: bool,
) -> Result<()> {
    let types = store.source_shares(feature_type).await?;
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    if as_json {
        let types = types.iter().map(|t| to_json(t, today));
        return output::json(&json!({ "types": types.collect::<Result<Vec<_>>>()? }));
    }
    let mut rows = vec![];
    for t in &types {
        for share in &t.shares {
            let source = share.source.as_ref();
            let date = source.and_then(|s| s.version_date);
            rows.push(vec![
                t.feature_type.clone(),
                source.map_or("(no source)".to_owned(), |s| s.name.clone()),
                share.features.to_string(),
                share.values.to_string(),
                percent(share.values, t.values),
                date.map(|d| d.to_string()).unwrap_or_default(),
                date.map(|d| age(days(d, today))).unwrap_or_default(),
            ]);
        }
    }
    let headers = [
        "type",
        "data source",
        "features",
        "values",
        "share",
        "version",
        "age",
    ];
    table::print(&headers, rows, &[2, 3, 4])?;
    for t in &types {
        output::line(summary(t, today))?;
    }
    Ok(())
}

fn summary(t: &TypeSources, today: Date) -> String {
    let mut text = format!(
        "{}: {} features, {} values of tracked attributes",
        t.feature_type, t.features, t.values
    );
    if let (Some(oldest), Some(newest)) = (t.oldest, t.newest) {
        let aged = |date: Date| format!("{date} ({})", age(days(date, today)));
        text.push_str(&match oldest == newest {
            true => format!("; sources of {}", aged(oldest)),
            false => format!("; sources from {} to {}", aged(oldest), aged(newest)),
        });
    }
    text
}

fn days(date: Date, today: Date) -> i32 {
    cabd::time::days_from_epoch(today) - cabd::time::days_from_epoch(date)
}

/// An age in words: whole years from two on, else months or days.
fn age(days: i32) -> String {
    let years = f64::from(days) / YEAR;
    let months = (years * 12.0).floor();
    let (number, unit) = match days {
        i32::MIN..0 => return "to come".to_owned(),
        0..60 => (f64::from(days), "day"),
        _ if months < 24.0 => (months, "month"),
        _ => (years.floor(), "year"),
    };
    let plural = if number == 1.0 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

fn percent(part: u64, whole: u64) -> String {
    match whole {
        0 => String::new(),
        _ => format!("{:.1}%", part as f64 * 100.0 / whole as f64),
    }
}

fn to_json(t: &TypeSources, today: Date) -> Result<Value> {
    let mut value = serde_json::to_value(t)
        .map_err(|e| Error::internal("the answer does not fit into JSON").because(e))?;
    let aged = |date: Option<Date>| json!(date.map(|d| days(d, today)));
    value["oldest_days"] = aged(t.oldest);
    value["newest_days"] = aged(t.newest);
    for (at, share) in t.shares.iter().enumerate() {
        let date = share.source.as_ref().and_then(|s| s.version_date);
        value["shares"][at]["age_days"] = aged(date);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_the_unit_that_fits() {
        for (days, words) in [
            (-1, "to come"),
            (0, "0 days"),
            (1, "1 day"),
            (59, "59 days"),
            (61, "2 months"),
            (400, "13 months"),
            (731, "2 years"),
            (2750, "7 years"),
        ] {
            assert_eq!(age(days), words, "{days}");
        }
    }
}

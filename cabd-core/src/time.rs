//! Dates and instants: instants are UTC with microseconds.

pub use jiff::Timestamp;
pub use jiff::civil::Date;

use crate::error::{Error, Result};

/// Days from 1970-01-01, as Arrow's Date32 counts them.
pub fn days_from_epoch(date: Date) -> i32 {
    let span = date.since(jiff::civil::date(1970, 1, 1));
    span.map(|s| s.get_days()).unwrap_or_default()
}

/// The date `days` after 1970-01-01, if it is within years -9999 to 9999.
pub fn date_from_days(days: i32) -> Option<Date> {
    jiff::civil::date(1970, 1, 1)
        .checked_add(jiff::Span::new().try_days(days).ok()?)
        .ok()
}

/// Cuts an instant to whole microseconds, the precision of every store.
pub fn to_micros(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
}

/// Reads `YYYY-MM-DD`.
///
/// ```
/// assert!(cabd_core::time::parse_date("maintenance_last", "2019-05-01").is_ok());
/// assert!(cabd_core::time::parse_date("maintenance_last", "May 1st").is_err());
/// ```
pub fn parse_date(field: &str, text: &str) -> Result<Date> {
    let date = || -> Option<Date> {
        if text.len() != 10 {
            return None;
        }
        text.parse().ok()
    };
    date().ok_or_else(|| {
        Error::invalid("not a date")
            .field(field)
            .value(text)
            .expected("YYYY-MM-DD")
    })
}

/// Reads an RFC 3339 instant, or a date-time without offset, or a date alone, as UTC.
///
/// ```
/// use cabd_core::time::parse_instant;
/// let a = parse_instant("t", "2024-09-17T22:52:36-07:00")?;
/// let b = parse_instant("t", "2024-09-18 05:52:36")?;
/// assert_eq!(a, b);
/// # Ok::<(), cabd_core::Error>(())
/// ```
pub fn parse_instant(field: &str, text: &str) -> Result<Timestamp> {
    let instant = || -> Option<Timestamp> {
        if let Ok(t) = text.parse::<Timestamp>() {
            return Some(t);
        }
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        civil
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|z| z.timestamp())
    };
    instant().map(to_micros).ok_or_else(|| {
        Error::invalid("not an instant")
            .field(field)
            .value(text)
            .expected("RFC 3339, for example 2024-09-17T22:52:36Z")
    })
}

/// Writes an instant as `YYYY-MM-DDTHH:MM:SS.ffffffZ`: fixed width, so text order is time order.
pub fn format_instant(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_round_trip_over_leap_years_and_before_the_epoch() {
        for text in [
            "1969-12-31",
            "1970-01-01",
            "2000-02-29",
            "2024-12-31",
            "1850-06-01",
        ] {
            let date = parse_date("d", text).unwrap();
            assert_eq!(date_from_days(days_from_epoch(date)), Some(date));
        }
    }

    #[test]
    fn instants_have_fixed_width() {
        assert_eq!(
            format_instant(Timestamp::UNIX_EPOCH),
            "1970-01-01T00:00:00.000000Z"
        );
    }
}

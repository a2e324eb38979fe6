//! Numbers, dates and instants as text, without allocation.

use serde_json::ser::{CompactFormatter, Formatter};

use crate::time;

/// The shortest text that reads back as the same double; whole numbers keep `.0`. The value is finite.
pub(super) fn push_f64(out: &mut Vec<u8>, v: f64) {
    // Writing to a Vec cannot fail.
    let _ = CompactFormatter.write_f64(out, v);
}

pub(super) fn push_i64(out: &mut Vec<u8>, v: i64) {
    let _ = CompactFormatter.write_i64(out, v);
}

fn push_two(out: &mut Vec<u8>, v: u32) {
    out.extend_from_slice(&[b'0' + (v / 10 % 10) as u8, b'0' + (v % 10) as u8]);
}

/// `YYYY-MM-DD` of a count of days after 1970-01-01.
pub(super) fn push_date(out: &mut Vec<u8>, days: i32) {
    // Days to civil date, in eras of 400 years (Howard Hinnant's algorithm).
    let z = i64::from(days) + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if let (Ok(y @ 0..=9999), Ok(m), Ok(d)) = (
        u32::try_from(year),
        u32::try_from(month),
        u32::try_from(day),
    ) {
        push_two(out, y / 100);
        push_two(out, y % 100);
        out.push(b'-');
        push_two(out, m);
        out.push(b'-');
        push_two(out, d);
    } else if let Some(date) = time::date_from_days(days) {
        out.extend_from_slice(date.to_string().as_bytes());
    }
}

/// RFC 3339 in UTC of a count of microseconds after 1970-01-01T00:00:00Z; a fraction only where there is one.
pub(super) fn push_instant(out: &mut Vec<u8>, micros: i64) {
    const DAY: i64 = 86_400_000_000;
    let days = i32::try_from(micros.div_euclid(DAY)).unwrap_or_default();
    let of_day = micros.rem_euclid(DAY);
    push_date(out, days);
    let (seconds, fraction) = (of_day / 1_000_000, of_day % 1_000_000);
    let at = |unit: i64, modulus: i64| (seconds / unit % modulus) as u32;
    out.push(b'T');
    push_two(out, at(3600, 24));
    out.push(b':');
    push_two(out, at(60, 60));
    out.push(b':');
    push_two(out, at(1, 60));
    if fraction != 0 {
        let fraction = fraction as u32;
        out.push(b'.');
        push_two(out, fraction / 10_000);
        push_two(out, fraction / 100);
        push_two(out, fraction);
    }
    out.push(b'Z');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_instants_are_written_as_jiff_writes_them() {
        for days in (-800_000..2_000_000).step_by(97) {
            let mut out = vec![];
            push_date(&mut out, days);
            let expected = time::date_from_days(days).unwrap().to_string();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        for (micros, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_726_613_556_120_000, "2024-09-17T22:52:36.120000Z"),
        ] {
            let mut out = vec![];
            push_instant(&mut out, micros);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn a_double_reads_back_as_the_same_double() {
        for v in [0.1 + 0.2, -0.0, 45.0, 1e300, 5e-324, -75.123_456_789_012_3] {
            let mut out = vec![];
            push_f64(&mut out, v);
            let back: f64 = String::from_utf8(out).unwrap().parse().unwrap();
            assert_eq!(back.to_bits(), v.to_bits());
        }
    }
}

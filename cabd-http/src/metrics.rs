//! Counts for the operator, as Prometheus reads them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::tiles::TileCounts;

/// The media type of the text.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper bounds of the times that are told apart, in seconds.
const BOUNDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

/// Requests by route, method and status; times and bytes by route.
#[derive(Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<(String, &'static str, u16), u64>>,
    times: Mutex<BTreeMap<String, Times>>,
    in_flight: AtomicI64,
    broken: AtomicU64,
    bytes: AtomicU64,
    kept_tiles: [Kept; 2],
}

/// Kept tiles that were given, without a lock: there may be many.
#[derive(Default)]
struct Kept {
    /// 200, 204 and 304.
    statuses: [AtomicU64; 3],
    buckets: [AtomicU64; BOUNDS.len()],
    nanoseconds: AtomicU64,
}

const KEPT_STATUSES: [u16; 3] = [200, 204, 304];

#[derive(Default, Clone)]
struct Times {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    seconds: f64,
}

/// A method of the table, so that a made-up one makes no new line.
pub(crate) fn method(name: &str) -> &'static str {
    match name {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "POST" => "POST",
        "PUT" => "PUT",
        _ => "OTHER",
    }
}

impl Metrics {
    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    /// The answer is at its end, whole or not.
    pub(crate) fn end(
        &self,
        route: &str,
        method: &'static str,
        status: u16,
        took: Duration,
        bytes: u64,
        whole: bool,
    ) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if !whole {
            self.broken.fetch_add(1, Ordering::Relaxed);
        }
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests
            .entry((route.to_owned(), method, status))
            .or_default() += 1;
        drop(requests);
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let of = times.entry(route.to_owned()).or_default();
        let seconds = took.as_secs_f64();
        for (bucket, bound) in of.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
        of.count += 1;
        of.seconds += seconds;
    }

    /// A kept tile was given, of the first or the second of their roots.
    pub(crate) fn tile(&self, root: usize, status: u16, took: Duration, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let Some(kept) = self.kept_tiles.get(root) else {
            return;
        };
        if let Some(at) = KEPT_STATUSES.iter().position(|s| *s == status) {
            kept.statuses[at].fetch_add(1, Ordering::Relaxed);
        }
        // One of them, and the sums when they are told: each is a line of memory that the processors share.
        let seconds = took.as_secs_f64();
        if let Some(at) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            kept.buckets[at].fetch_add(1, Ordering::Relaxed);
        }
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        kept.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// The text, with the newest commit where the store tells it.
    pub(crate) fn text(
        &self,
        head: Option<i64>,
        tiles: &TileCounts,
        name_bytes: u64,
        tile_routes: &[String; 2],
    ) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let mut line = |text: std::fmt::Arguments<'_>| {
            let _ = writeln!(out, "{text}");
        };
        line(format_args!(
            "# HELP cabd_http_requests_total Answers by route, method and status."
        ));
        line(format_args!("# TYPE cabd_http_requests_total counter"));
        let mut requests = self
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut times = self
            .times
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for (kept, route) in self.kept_tiles.iter().zip(tile_routes) {
            kept.add(route, &mut requests, &mut times);
        }
        for ((route, method, status), n) in requests {
            line(format_args!(
                "cabd_http_requests_total{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}} {n}"
            ));
        }
        line(format_args!(
            "# HELP cabd_http_answer_seconds Time to the last byte of an answer."
        ));
        line(format_args!("# TYPE cabd_http_answer_seconds histogram"));
        for (route, t) in times {
            for (n, bound) in t.buckets.iter().zip(BOUNDS) {
                line(format_args!(
                    "cabd_http_answer_seconds_bucket{{route=\"{route}\",le=\"{bound}\"}} {n}"
                ));
            }
            line(format_args!(
                "cabd_http_answer_seconds_bucket{{route=\"{route}\",le=\"+Inf\"}} {}",
                t.count
            ));
            line(format_args!(
                "cabd_http_answer_seconds_sum{{route=\"{route}\"}} {}",
                t.seconds
            ));
            line(format_args!(
                "cabd_http_answer_seconds_count{{route=\"{route}\"}} {}",
                t.count
            ));
        }
        let numbers = [
            (
                "cabd_http_in_flight",
                "gauge",
                "Answers in progress.",
                self.in_flight.load(Ordering::Relaxed),
            ),
            (
                "cabd_http_broken_total",
                "counter",
                "Answers that did not reach their end.",
                self.broken.load(Ordering::Relaxed) as i64,
            ),
            (
                "cabd_http_body_bytes_total",
                "counter",
                "Bytes of bodies as sent.",
                self.bytes.load(Ordering::Relaxed) as i64,
            ),
        ];
        let of_tiles = [
            (
                "cabd_tile_hits_total",
                "counter",
                "Tiles that were kept.",
                tiles.hits as i64,
            ),
            (
                "cabd_tile_misses_total",
                "counter",
                "Tiles that were not kept.",
                tiles.misses as i64,
            ),
            (
                "cabd_tile_cache_entries",
                "gauge",
                "Tiles kept.",
                tiles.entries as i64,
            ),
            (
                "cabd_tile_cache_bytes",
                "gauge",
                "Memory of the tiles kept, about.",
                tiles.bytes as i64,
            ),
            (
                "cabd_tile_place_bytes",
                "gauge",
                "Memory of the places of features, about.",
                tiles.place_bytes as i64,
            ),
            (
                "cabd_name_bytes",
                "gauge",
                "Memory of the names of features, about.",
                name_bytes as i64,
            ),
        ];
        let head = head.map(|n| {
            (
                "cabd_store_commit",
                "gauge",
                "The newest commit of the inventory.",
                n,
            )
        });
        for (name, kind, help, n) in numbers.into_iter().chain(of_tiles).chain(head) {
            line(format_args!("# HELP {name} {help}"));
            line(format_args!("# TYPE {name} {kind}"));
            line(format_args!("{name} {n}"));
        }
        out
    }
}

impl Kept {
    fn add(
        &self,
        route: &str,
        requests: &mut BTreeMap<(String, &'static str, u16), u64>,
        times: &mut BTreeMap<String, Times>,
    ) {
        let mut count = 0;
        for (status, n) in KEPT_STATUSES.iter().zip(&self.statuses) {
            let n = n.load(Ordering::Relaxed);
            if n > 0 {
                *requests
                    .entry((route.to_owned(), "GET", *status))
                    .or_default() += n;
                count += n;
            }
        }
        if count == 0 {
            return;
        }
        let of = times.entry(route.to_owned()).or_default();
        let mut sum = 0;
        for (bucket, n) in of.buckets.iter_mut().zip(&self.buckets) {
            sum += n.load(Ordering::Relaxed);
            *bucket += sum;
        }
        of.count += count;
        of.seconds += self.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_counted_in_its_buckets() {
        let m = Metrics::default();
        m.begin();
        m.end("/a", "GET", 200, Duration::from_millis(30), 10, true);
        m.tile(0, 200, Duration::from_millis(1), 5);
        let routes = ["/t".to_owned(), "/c".to_owned()];
        let text = m.text(Some(7), &TileCounts::default(), 0, &routes);
        assert!(
            text.contains("cabd_http_requests_total{route=\"/a\",method=\"GET\",status=\"200\"} 1")
        );
        assert!(text.contains("cabd_http_answer_seconds_bucket{route=\"/a\",le=\"0.025\"} 0"));
        assert!(text.contains("cabd_http_answer_seconds_bucket{route=\"/a\",le=\"0.05\"} 1"));
        assert!(text.contains("requests_total{route=\"/t\",method=\"GET\",status=\"200\"} 1"));
        assert!(text.contains("cabd_http_answer_seconds_count{route=\"/t\"} 1"));
        assert!(!text.contains("\"/c\""));
        assert!(text.contains("cabd_http_in_flight 0"));
        assert!(text.contains("cabd_store_commit 7"));
    }
}

//! What the log costs: a large load, and single updates against no log and a log of whole rows.

mod pg;
mod sqlite;

use std::time::Duration;

use cabd::catalog::{Attribute, Catalog, Origin};
use cabd::value::DataType;
use cabd_benches::Measured;

/// How many columns an update changes.
const CHANGED: [usize; 3] = [1, 5, 20];
/// Rounds of each update; the fastest counts.
const ROUNDS: usize = 2;

pub async fn run(features: u64) -> bool {
    let sqlite = sqlite::run(features).await;
    pg::run(features).await && sqlite
}

/// Columns of dams that nothing refers to and nothing follows from.
fn columns(catalog: &Catalog) -> Vec<(String, bool)> {
    let dams = catalog.feature_type("dams").unwrap();
    let plain = |a: &&Attribute| {
        matches!(a.origin(), Origin::Column { part: None, .. })
            && a.codes.is_none()
            && a.derived.is_none()
            && matches!(a.data_type, DataType::Text(_) | DataType::Double)
    };
    let all = dams.attributes.iter().filter(plain);
    let all: Vec<(String, bool)> = all
        .map(|a| {
            let column = a.column.clone().unwrap_or_else(|| a.id.clone());
            (column, a.data_type == DataType::Double)
        })
        .collect();
    assert!(all.len() >= CHANGED[2], "{} columns to change", all.len());
    all
}

/// Rounds of one kind of log.
struct Updates {
    what: &'static str,
    /// The fastest round for each number of changed columns.
    times: Vec<Duration>,
}

/// Prints what an update costs beside one without a log, and a further changed column; true where ours is the cheaper.
fn compare(store: &str, rows: u64, none: &Updates, ours: &Updates, whole: &Updates) -> bool {
    let each = |t: Duration| t.as_secs_f64() * 1e6 / rows as f64;
    let mut kept = true;
    for u in [none, ours, whole] {
        for (n, t) in CHANGED.iter().zip(&u.times) {
            println!(
                "| {store}: update of {n} columns, {} | {rows} | {:.1} µs a row | |",
                u.what,
                each(*t)
            );
        }
    }
    for u in [ours, whole] {
        let beside: Vec<f64> = u
            .times
            .iter()
            .zip(&none.times)
            .map(|(t, none)| each(*t) - each(*none))
            .collect();
        let column = (beside[2] - beside[0]) / (CHANGED[2] - CHANGED[0]) as f64;
        println!(
            "| {store}: {} costs, of {CHANGED:?} columns | | {:.1}, {:.1}, {:.1} µs a row | {column:.2} µs a further column |",
            u.what, beside[0], beside[1], beside[2]
        );
    }
    for (i, n) in CHANGED.iter().enumerate() {
        let ok = ours.times[i] < whole.times[i];
        println!(
            "| **{store}: {n} columns, our log / a log of whole rows** | | **{:.2}** | less than 1: {} |",
            ours.times[i].as_secs_f64() / whole.times[i].as_secs_f64(),
            if ok { "yes" } else { "NO" }
        );
        kept &= ok;
    }
    kept
}

/// Whether a load with everything took at most four times that of bare rows.
fn at_most_four(ours: &Measured, bare: &Measured) -> bool {
    let times = ours.time.as_secs_f64() / bare.time.as_secs_f64();
    let ok = times <= 4.0;
    println!(
        "| **{} / {}** | | **{times:.2} times** | at most 4: {} |",
        ours.what,
        bare.what,
        if ok { "yes" } else { "NO" }
    );
    ok
}

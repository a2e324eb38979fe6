//! Peak memory of the command's loads and exports.

use std::path::PathBuf;
use std::process::Command;

use cabd_benches::peak_memory;

const LIMIT_MB: f64 = 200.0;

pub fn run(features: u64) -> bool {
    let Some(cabd) = binary() else {
        println!(
            "| peak memory: build the command first (`cargo build --release -p cabd-cli`) | | | |"
        );
        return true;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (store, json, again, csv) = (at("a.sqlite"), at("a.geojson"), at("b.sqlite"), at("a.csv"));
    let n = features.to_string();
    let steps: [&[&str]; 6] = [
        &["init", &store],
        &["synth", &store, "--features", &n, "--seed", "1"],
        &[
            "export", &store, "--type", "dams", "--format", "geojson", "-o", &json,
        ],
        &[
            "export", &store, "--type", "dams", "--format", "csv", "-o", &csv,
        ],
        &["init", &again],
        &[
            "load", &again, "--type", "dams", "--source", "Export", "--match", "cabd_id", &json,
        ],
    ];
    let mut ok = true;
    for args in steps {
        let start = std::time::Instant::now();
        let (success, peak) = peak_memory(Command::new(&cabd).args(args)).unwrap();
        assert!(success, "cabd {args:?}");
        let kept = peak < LIMIT_MB;
        ok &= kept;
        println!(
            "| `cabd {}`: peak memory | {n} | **{peak:.0} MB** in {:.1} s | under {LIMIT_MB}: {} |",
            args[0],
            start.elapsed().as_secs_f64(),
            if kept { "yes" } else { "NO" }
        );
    }
    ok
}

/// The command beside this bench's own binary.
fn binary() -> Option<PathBuf> {
    let mine = std::env::current_exe().ok()?;
    let found = mine.ancestors().nth(2)?.join("cabd");
    found.is_file().then_some(found)
}

//! GeoJSON export against GeoPandas reading the same file and writing GeoJSON.

use std::process::Command;

use cabd_benches::{ratio, report, timed};

const PEER: &str = "
import sys, time, geopandas
start = time.perf_counter()
frame = geopandas.read_file(sys.argv[1], layer='cabd_dams_view_en')
frame.to_file(sys.argv[2], driver='GeoJSON')
print(len(frame), time.perf_counter() - start)
";

pub async fn run(features: u64) -> bool {
    let Ok(python) = std::env::var("CABD_PYTHON") else {
        println!(
            "| export against GeoPandas: CABD_PYTHON is not set (`make bench` sets it) | | | |"
        );
        return true;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours.sqlite");
    let store = crate::inventory(path.to_str().unwrap()).await;
    crate::load(&*store, features, 1).await;
    let out = folder.path().join("ours.geojson");
    let (written, time) = timed(async {
        let stream = store
            .features(&cabd::FeatureQuery::of("dams"))
            .await
            .unwrap();
        let file = std::io::BufWriter::new(std::fs::File::create(&out).unwrap());
        let mut writer = cabd::format::Format::GeoJson
            .writer(&stream.schema, file, cabd::format::WriteOptions::default())
            .unwrap();
        cabd::format::write_features(stream.batches, &mut *writer)
            .await
            .unwrap()
    })
    .await;
    assert_eq!(written, features);
    let ours = report("export GeoJSON, all attributes", features, time);
    store.close().await.unwrap();

    let theirs = folder.path().join("theirs.geojson");
    let answer = Command::new(python)
        .arg("-c")
        .arg(PEER)
        .arg(&path)
        .arg(&theirs)
        .output()
        .unwrap();
    assert!(
        answer.status.success(),
        "{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    let text = String::from_utf8(answer.stdout).unwrap();
    let (n, seconds) = text.trim().split_once(' ').unwrap();
    assert_eq!(n.parse::<u64>().unwrap(), features);
    let time = std::time::Duration::from_secs_f64(seconds.parse().unwrap());
    let peer = report("GeoPandas: read the view, write GeoJSON", features, time);
    ratio(&ours, &peer, 5.0)
}

//! Loads a foreign file by a mapping, with the rows that cannot be read set aside.

use std::sync::{Arc, Mutex};

use cabd::FeatureQuery;
use cabd::load::{Input, LoadOptions, Mapping, Rejected, load};

const FILE: &str = "\
ref;nom;height_ft;x;y
17;Barrage du Moulin;14;-8434762;5672100
18;Barrage inconnu;tall;-8434000;5672000
19;Barrage perdu;20;;
";

const MAPPING: &str = r#"
type = "dams"
attribution = "Made up for this example."
[source]
name = "Dams of Anywhere"
id = ["ref"]
[point]
crs = "EPSG:3857"
x = "x"
y = "y"
[[fields]]
to = "dam_name_fr"
from = ["nom"]
[[fields]]
to = "height_m"
from = ["height_ft"]
scale = 0.3048
"#;

#[tokio::main]
async fn main() -> cabd::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("inventory.sqlite");
    let store = cabd::create(&file.to_string_lossy()).await?;
    store.change_catalog(&cabd::shipped()?).await?;

    let options = LoadOptions {
        mapping: Some(Mapping::from_toml(MAPPING)?),
        ..LoadOptions::default()
    };
    let rejected: Arc<Mutex<Vec<Rejected>>> = Arc::default();
    for round in ["first", "second"] {
        let inputs = vec![Input::new("dams.csv", FILE.as_bytes())];
        let sink = Box::new(rejected.clone());
        let report = load(store.as_ref(), inputs, options.clone(), sink).await?;
        let (new, same) = (report.inserted, report.unchanged);
        println!(
            "{round}: {new} new, {same} unchanged, {} rejected",
            report.rejected
        );
    }
    for row in rejected.lock().iter().flat_map(|rows| rows.iter()).take(2) {
        println!("{}:{}: {}: {}", row.input, row.line, row.field, row.reason);
    }
    println!("{} dams", store.count(&FeatureQuery::of("dams")).await?);
    store.close().await
}

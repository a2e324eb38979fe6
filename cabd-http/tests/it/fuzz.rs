//! Requests as clients send them, good and bad, by the hundred: every store gives the same answer, and none of them a fault.
//!
//! `CABD_FUZZ=20000` asks as many, `CABD_FUZZ_SEED=7` others.

use cabd::{ChangeHead, FeatureStoreExt, Geometry, Operation, Store};
use cabd_http::Settings;

use crate::same::shown;
use crate::support::{Database, Here, id};

/// Numbers that are the same in each run (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn often(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const NAMES: [&str; 8] = [
    "Mill Dam",
    "Barrage de l'Élan",
    "Œuvre",
    "ÉCLUSE",
    "a_b%c",
    "Dam \"quoted\", \\ slash",
    "naïve façade",
    "",
];

/// Features whose values, names and places are often equal: order and ties must be settled the same way.
async fn fill(store: &dyn Store) {
    let random = &mut Random(1);
    let place = |r: &mut Random| {
        Geometry::point(
            -76.0 + r.below(24) as f64 * 0.25,
            45.0 + r.below(16) as f64 * 0.25,
        )
    };
    let mut all = vec![];
    for n in 1000..1150 {
        let mut dam = Operation::insert_feature("dams", id(n)).set("geometry", place(random));
        let name = random.one(&NAMES);
        if !name.is_empty() {
            dam = dam.set("dam_name_en", name);
        }
        if random.often(60) {
            dam = dam.set("height_m", random.below(8) as f64 / 2.0);
        }
        if random.often(60) {
            dam = dam.set("size_class_code", 1 + random.below(3) as i64);
        }
        if random.often(60) {
            dam = dam.set("use_analysis", random.often(50));
        }
        if random.often(50) {
            let day = format!("2019-0{}-1{}", 1 + random.below(9), random.below(9));
            dam = dam.set("maintenance_last", day.as_str());
        }
        if random.often(50) {
            dam = dam.set("construction_year", 1900 + random.below(20) as i64);
        }
        all.push(dam);
    }
    for n in 2000..2040 {
        let fall = Operation::insert_feature("waterfalls", id(n)).set("geometry", place(random));
        all.push(fall.set("fall_height_m", random.below(5) as f64));
    }
    for n in 3000..3020 {
        let crossing = Operation::insert_feature("modelled_crossings", id(n));
        all.push(crossing.set("geometry", place(random)));
    }
    store.apply_all(&ChangeHead::default(), all).await.unwrap();
}

fn parameter(r: &mut Random) -> String {
    let name = r.one(&[
        "bbox",
        "bbox",
        "area",
        "point",
        "max-results",
        "max-results",
        "offset",
        "sort",
        "filter",
        "filter",
        "filter",
        "namefilter",
        "namefilter",
        "types",
        "attributes",
        "format",
        "lang",
        "unknown",
        "as-of",
        "by",
        "options",
        "fields",
        "limit",
    ]);
    let value = match name {
        "bbox" => r
            .one(&[
                "-76,45,-74,47",
                "-74,47,-76,45",
                "-75.25,45.25,-75.25,45.25",
                "-180,-90,180,90",
                "0,0,1,1",
                "1,2,3",
                "-181,0,1,1",
                "a,b,c,d",
                "-76,45,-74,47,9",
                "",
                "-76, 45, -74, 47",
                "NaN,0,1,1",
                "1e999,0,1,1",
            ])
            .to_owned(),
        "area" => r
            .one(&[
                "POLYGON((-76 45,-74 45,-75 47,-76 45))",
                "POLYGON((-76 45,-74.5 45.25,-75 46.5,-76 45),(-75.5 45.5,-75 45.5,-75 46,-75.5 45.5))",
                "MULTIPOLYGON(((-76 45,-75 45,-75 46,-76 45)),((-74 46,-73 46,-73 47,-74 46)))",
                "POLYGON((0 0,1 0,0 1,0 0))",
                "POLYGON((0 0,1 1,1 0,0 1,0 0))",
                "POLYGON((0 0,1 1,2 2,0 0))",
                "POLYGON EMPTY",
                "POLYGON((0 0,NaN 1,1 0,0 0))",
                "POLYGON((0 0,1e999 1,1 0,0 0))",
                "POINT(1 2)",
                "GEOMETRYCOLLECTION(POLYGON((0 0,1 0,0 1,0 0)))",
                "SRID=4326;POLYGON((0 0,1 0,0 1,0 0))",
                "POLYGON((0 0",
                "x",
                "",
            ])
            .to_owned(),
        "point" => r
            .one(&[
                "-75.5,45.4",
                "-75.25,45.25",
                "0,0",
                "179.9,-89",
                "-75",
                "x,y",
                "",
                "-75.5,45.4,3",
                "500,2",
            ])
            .to_owned(),
        "max-results" | "offset" | "limit" => r
            .one(&[
                "0",
                "1",
                "3",
                "10",
                "200",
                "60000",
                "-1",
                "x",
                "1.5",
                "",
                "99999999999999999999",
                " 5 ",
            ])
            .to_owned(),
        "sort" => r
            .one(&[
                "height_m",
                "-height_m",
                "name_en",
                "dam_name_en,-height_m",
                "cabd_id",
                "-cabd_id",
                "nothing",
                "",
                "geometry",
                "maintenance_last",
                "size_class",
                "use_analysis",
                "height_m,height_m",
            ])
            .to_owned(),
        "filter" => {
            let attribute = r.one(&[
                "height_m",
                "HEIGHT_M",
                "size_class_code",
                "size_class",
                "use_analysis",
                "maintenance_last",
                "construction_year",
                "cabd_id",
                "dam_name_en",
                "name_en",
                "feature_type",
                "geometry",
                "nothing",
                "latitude",
                "last_modified",
                "url",
                "",
            ]);
            let operator = r.one(&[
                "eq", "neq", "lt", "lte", "gt", "gte", "in", "notin", "like", "isnull", "notnull",
                "EQ", "between", "",
            ]);
            let value = r.one(&[
                "2",
                "2.5",
                "1,2,3",
                "true",
                "FALSE",
                "2019-05-12",
                "2019-13-45",
                "mill",
                "ÉLAN",
                "_",
                "%25",
                "small",
                "00000000-0000-0000-0000-0000000003e9",
                "not-a-uuid",
                "",
                "a:b:c",
                "1e3",
                "dams",
                "-0",
                "9223372036854775808",
                "%00",
                "'",
                "Mill%20Dam",
            ]);
            match r.below(12) {
                0 => format!("{attribute}:{operator}"),
                1 => attribute.to_owned(),
                _ => format!("{attribute}:{operator}:{value}"),
            }
        }
        "namefilter" => r
            .one(&[
                "like:mill",
                "like:elan",
                "like:%C3%89LAN",
                "eq:mill%20dam",
                "neq:mill%20dam",
                "in:mill%20dam,naive%20facade",
                "notin:mill%20dam",
                "like:_",
                "like:",
                "like",
                "gt:a",
                "like:oeuvre",
                "like:%25",
                "isnull:",
                "like:\"",
                "like:ECLUSE",
            ])
            .to_owned(),
        "types" => r
            .one(&[
                "dams",
                "dams,waterfalls",
                "Waterfalls",
                "lakes",
                "",
                "dams,,",
                "barriers",
            ])
            .to_owned(),
        "attributes" => r
            .one(&[
                "all",
                "simple",
                "limited",
                "mobile",
                "vectortile",
                "none",
                "",
                "ALL",
            ])
            .to_owned(),
        "format" => r
            .one(&["json", "geojson", "csv", "CSV", "xml", "", "md", "mvt"])
            .to_owned(),
        "lang" => r.one(&["en", "fr", "FR", "de", ""]).to_owned(),
        "as-of" => r
            .one(&["0", "999999", "nothing", "2000-01-01", "", "-1"])
            .to_owned(),
        "by" => r
            .one(&[
                "height_m",
                "size_class_code,use_analysis",
                "nothing",
                "",
                "feature_type",
            ])
            .to_owned(),
        "options" => r
            .one(&["ds", "types", "dams", "lakes", "dams,ds"])
            .to_owned(),
        _ => r.one(&["all", "some", ""]).to_owned(),
    };
    format!("{name}={value}")
}

fn request(r: &mut Random) -> String {
    let kind = r.one(&[
        "dams",
        "dams",
        "waterfalls",
        "modelled_crossings",
        "barriers",
        "all_features",
        "fishways",
        "Dams",
        "lakes",
    ]);
    let one = r.one(&[
        "00000000-0000-0000-0000-0000000003e9",
        "00000000-0000-0000-0000-000000000001",
        "00000000-0000-0000-0000-0000000007d1",
        "00000000-0000-0000-0000-0000000000ff",
        "00000000-0000-0000-0000-00000000000B",
        "1234",
        "00000000000000000000000000000001",
    ]);
    let path = match r.below(20) {
        0..=4 => "/features".to_owned(),
        5..=9 => format!("/features/{kind}"),
        10 => format!("/features/{kind}/{one}"),
        11 => format!("/features/{one}"),
        12 => format!("/features/types/{kind}"),
        13 => format!("/features/datasources/{one}"),
        14 => format!("/features/summary/{kind}"),
        15 => r
            .one(&[
                "/features/types",
                "/features/types/",
                "/docs",
                "/features/datasources",
                "/releases",
            ])
            .to_owned(),
        16 => format!("/ogc/collections/{kind}/items"),
        n => {
            let z = r.below(14);
            let (x, y) = ((9usize << z) >> 5, (11usize << z) >> 5);
            let root = if n == 17 { "clustertile" } else { "tiles" };
            let of = if r.often(50) {
                String::new()
            } else {
                format!("{kind}/")
            };
            let ending = r.one(&["mvt", "mvt", "mvt", "MVT", "pbf"]);
            format!("/{root}/{of}{z}/{}/{y}.{ending}", x + r.below(2))
        }
    };
    let all: Vec<String> = (0..r.below(5)).map(|_| parameter(r)).collect();
    let query = all
        .join("&")
        .replace(' ', "%20")
        .replace('"', "%22")
        .replace('\\', "%5C");
    format!("{path}?{query}")
}

async fn compare(reference: &Here, other: &Here) {
    let of = |name: &str, unset: u64| std::env::var(name).map_or(unset, |n| n.parse().unwrap());
    let mut random = Random(of("CABD_FUZZ_SEED", 1));
    for _ in 0..of("CABD_FUZZ", 400) {
        let path = request(&mut random);
        let (a, b) = (reference.get(&path).await, other.get(&path).await);
        assert!(
            !a.status.is_server_error() || a.status == 501,
            "{path}: {}",
            a.text()
        );
        assert_eq!(a.status, b.status, "{path}");
        // The dictionary names the moment and the commit.
        if path.starts_with("/docs") {
            continue;
        }
        if a.header("content-type").ends_with("vector-tile") {
            assert!(a.body == b.body, "{path}");
        } else {
            assert_eq!(shown(&path, &a), shown(&path, &b), "{path}");
        }
    }
}

async fn filled(here: Here) -> Here {
    fill(here.store.as_ref()).await;
    here
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spatialite_file_answers_any_request_as_memory_does() {
    let (memory, file) = (Here::memory().await, Here::sqlite().await);
    compare(&filled(memory).await, &filled(file).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgis_answers_any_request_as_a_spatialite_file_does() {
    let Some(database) = Database::new() else {
        return;
    };
    let store = cabd::create(&database.url).await.unwrap();
    let here = filled(Here::over(store, Settings::default()).await).await;
    compare(&filled(Here::sqlite().await).await, &here).await;
    here.store.close().await.unwrap();
}

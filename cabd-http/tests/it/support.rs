//! A small inventory on each store, and a client.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use cabd::catalog::Relation;
use cabd::feature::Action;
use cabd::{ChangeHead, FeatureStoreExt, Geometry, Operation, Store, Uuid};
use cabd_http::{Settings, router};
use serde_json::Value;
use tower::ServiceExt;

pub const SECRET: &str = "only-for-these-tests";

/// Settings of a service that one author may write to.
pub fn writing() -> Settings {
    Settings {
        write_tokens: vec![format!("Ann:{SECRET}")],
        ..Settings::default()
    }
}

/// An inventory and the router over it.
pub struct Here {
    pub store: Arc<dyn Store>,
    pub router: Router,
    _folder: Option<tempfile::TempDir>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Got {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The names of the features, sorted.
    #[track_caller]
    pub fn names(&self) -> Vec<String> {
        let json = self.json();
        let features = json["features"]
            .as_array()
            .unwrap_or_else(|| panic!("{json}"));
        let name = |f: &Value| {
            let p = &f["properties"];
            let found = ["name_en", "dam_name_en", "fall_name_en"]
                .iter()
                .find_map(|k| p[k].as_str());
            found.unwrap_or("-").to_owned()
        };
        let mut names: Vec<String> = features.iter().map(name).collect();
        names.sort();
        names
    }
}

pub async fn send(router: &Router, request: Request<Body>) -> Got {
    let answer = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Got {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

impl Here {
    pub async fn over(store: Arc<dyn Store>, settings: Settings) -> Self {
        store
            .change_catalog(&cabd::shipped().unwrap())
            .await
            .unwrap();
        fill(store.as_ref()).await;
        Self {
            router: router(store.clone(), settings),
            store,
            _folder: None,
        }
    }

    pub async fn memory() -> Self {
        Self::memory_with(Settings::default()).await
    }

    pub async fn memory_with(settings: Settings) -> Self {
        Self::over(cabd::create("memory:").await.unwrap(), settings).await
    }

    pub async fn sqlite() -> Self {
        Self::sqlite_with(Settings::default()).await
    }

    pub async fn sqlite_with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("inventory.sqlite");
        let store = cabd::create(file.to_str().unwrap()).await.unwrap();
        let mut here = Self::over(store, settings).await;
        here._folder = Some(folder);
        here
    }

    /// A path that is not below the API's prefix.
    pub async fn at_root(&self, path: &str) -> Got {
        let request = Request::get(path).header("host", "example.org");
        send(&self.router, request.body(Body::empty()).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Got {
        self.get_with(path, &[]).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        let mut request = Request::get(format!("/cabd-api{path}")).header("host", "example.org");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(&self.router, request.body(Body::empty()).unwrap()).await
    }

    /// Sends a body, with the token that [`writing`] allows.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Got {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/cabd-api{path}"))
            .header("host", "example.org")
            .header("authorization", format!("Bearer {SECRET}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(
            &self.router,
            request.body(Body::from(body.to_owned())).unwrap(),
        )
        .await
    }

    /// An answer that must be 200.
    #[track_caller]
    pub fn ok(&self, path: impl AsRef<str>) -> impl Future<Output = Got> {
        let at = std::panic::Location::caller();
        async move {
            let path = path.as_ref();
            let got = self.get(path).await;
            assert_eq!(got.status, 200, "{at}: {path}: {}", got.text());
            got
        }
    }
}

/// The identifier written as a small number.
pub fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn dam(n: u128, name: &str, x: f64, y: f64) -> Operation {
    Operation::insert_feature("dams", id(n))
        .set("dam_name_en", name)
        .set("geometry", Geometry::point(x, y))
}

/// Three dams, two waterfalls, a modelled crossing, and where some of it comes from.
pub async fn fill(store: &dyn Store) {
    let source = |n: u128, name: &str, kind: &str| {
        Operation::new(Relation::DataSource, Action::Insert)
            .set("id", id(n))
            .set("name", name)
            .set("source_type", kind)
            .set("version_date", "2021-03-31")
    };
    let from = |feature: u128, source: u128, key: &str| {
        Operation::new(Relation::FeatureSource("dams".into()), Action::Insert)
            .set("cabd_id", id(feature))
            .set("datasource_id", id(source))
            .set("datasource_feature_id", key)
    };
    let all = vec![
        source(901, "src_a", "spatial"),
        source(902, "src_b, \"b\"", "non-spatial"),
        dam(1, "Mill Dam", -75.5, 45.4)
            .set("dam_name_fr", "Barrage du Moulin")
            .set("height_m", 4.25)
            .set("size_class_code", 1)
            .set("use_analysis", true)
            .set("maintenance_last", "2019-05-01"),
        dam(2, "Élan Dam", -75.0, 46.0)
            .set("height_m", 12)
            .set("size_class_code", 2),
        dam(3, "O'Neil \"Upper\" Dam, north", -70.0, 48.0).set("use_analysis", false),
        Operation::insert_feature("waterfalls", id(11))
            .set("fall_name_en", "Mill Falls")
            .set("fall_height_m", 3)
            .set("geometry", Geometry::point(-75.4, 45.5)),
        Operation::insert_feature("waterfalls", id(12))
            .set("fall_name_en", "Great Falls")
            .set("geometry", Geometry::point(-80.0, 50.0)),
        Operation::insert_feature("modelled_crossings", id(21))
            .set("geometry", Geometry::point(-75.45, 45.45)),
        from(1, 901, "17"),
        from(1, 902, ""),
        Operation::new(Relation::AttributeSource("dams".into()), Action::Insert)
            .set("cabd_id", id(1))
            .set("height_m_ds", id(901)),
    ];
    store.apply_all(&ChangeHead::default(), all).await.unwrap();
}

/// A database of its own on the test server, dropped at the end.
pub struct Database {
    pub url: String,
    name: String,
    server: String,
}

impl Database {
    /// A new, empty database; `None` where the tests on PostGIS are left out by `CABD_TEST_PG=skip`.
    ///
    /// # Panics
    /// Without `CABD_TEST_PG`: a run that tests nothing on PostGIS must say so.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("CABD_TEST_PG").expect(
            "CABD_TEST_PG must name a PostGIS server (scripts/pg.sh start prints one), or be `skip`",
        );
        if server == "skip" {
            return None;
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cabd_http_{}_{number}", std::process::id());
        let done = program("createdb")
            .args(["--maintenance-db", &server, &name])
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        let (before, _) = server.rsplit_once('/').unwrap();
        Some(Self {
            url: format!("{before}/{name}"),
            name,
            server,
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let arguments = ["--force", "--maintenance-db", &self.server, &self.name];
        let dropped = program("dropdb").args(arguments).output();
        if !std::thread::panicking() {
            assert!(dropped.unwrap().status.success(), "{} stays", self.name);
        }
    }
}

/// A client program of PostgreSQL, on the PATH or in `CABD_PG_BINDIR`.
fn program(name: &str) -> Command {
    match std::env::var("CABD_PG_BINDIR") {
        Ok(folder) => Command::new(std::path::Path::new(&folder).join(name)),
        Err(_) => Command::new(name),
    }
}

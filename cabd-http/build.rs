//! The page is embedded as `web/dist` has it; a new build of it is a new build of this crate. Of Swagger UI, as its vendored
//! archive has it, the two files that a browser needs are packed for embedding.

use std::error::Error;
use std::io::{Cursor, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const WANTED: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=web/dist");
    println!("cargo::rerun-if-changed=build.rs");
    let folder = std::env::var("OUT_DIR")?;
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    for name in WANTED {
        let is_wanted = |path: &str| {
            let found = path.split_once("/dist/");
            found.is_some_and(|(top, file)| !top.contains('/') && file == name)
        };
        let mut paths = archive.file_names().flatten();
        let found = paths
            .find(|path| is_wanted(path))
            .map(|path| path.into_owned());
        drop(paths);
        let found = found.ok_or_else(|| format!("the archive of Swagger UI has no {name}"))?;
        let mut bytes = vec![];
        archive.by_name(&found)?.read_to_end(&mut bytes)?;
        let file = std::fs::File::create(Path::new(&folder).join(format!("{name}.gz")))?;
        let mut packed = GzEncoder::new(file, Compression::best());
        packed.write_all(&bytes)?;
        packed.finish()?;
    }
    Ok(())
}

//! Small files that a command reads whole.

use std::fs;
use std::path::{Path, PathBuf};

use cabd::{Error, Manifest, Result};

/// Larger files are no manifests and no mappings.
const LARGEST_BYTES: u64 = 16 * 1024 * 1024;

/// Reads a text file.
///
/// # Errors
/// With the path, when it cannot be read, is too large or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let place = path.display().to_string();
    let failed = |e: std::io::Error| Error::from(e).at(place.clone());
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > LARGEST_BYTES {
        return Err(
            Error::invalid("the file is too large for a manifest or a mapping")
                .at(place)
                .value(format!("{size} bytes"))
                .expected(format!("at most {LARGEST_BYTES} bytes")),
        );
    }
    let bytes = fs::read(path).map_err(failed)?;
    String::from_utf8(bytes).map_err(|e| {
        Error::invalid("the file is not UTF-8 text")
            .at(place.clone())
            .because(e)
    })
}

/// Reads manifests: files as they are, and of a folder every `.toml` file in it, in `codes/` and in `types/`.
///
/// # Errors
/// With path and line, when a file cannot be read as a manifest; when a folder holds none.
pub fn read_manifests(places: &[PathBuf]) -> Result<Manifest> {
    let mut all = Manifest::default();
    for place in places {
        let files = if place.is_dir() {
            let found = [place.clone(), place.join("codes"), place.join("types")]
                .iter()
                .map(|folder| toml_files(folder))
                .collect::<Result<Vec<_>>>()?
                .concat();
            if found.is_empty() {
                return Err(Error::not_found("no manifest in this folder")
                    .at(place.display().to_string())
                    .hint(
                        "manifests end in .toml and stand in the folder, in codes/ or in types/",
                    ));
            }
            found
        } else {
            vec![place.clone()]
        };
        for file in files {
            let text = read_text(&file)?;
            all.merge(Manifest::from_toml(&file.display().to_string(), &text)?);
        }
    }
    Ok(all)
}

fn toml_files(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(vec![]);
    }
    let failed = |e: std::io::Error| Error::from(e).at(folder.display().to_string());
    let mut files = vec![];
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() && path.extension().is_some_and(|end| end == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

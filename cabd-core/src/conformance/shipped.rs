//! The catalogue that the project ships, for tests that need more than the suite's small world.

use std::path::Path;

use crate::catalog::Manifest;

/// The manifests in the folder `catalog` of the checkout.
pub fn manifest() -> Manifest {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog");
    let mut all = Manifest::default();
    for folder in [root.clone(), root.join("codes"), root.join("types")] {
        let entries = std::fs::read_dir(&folder).expect("the catalogue's folder is read");
        let mut files: Vec<_> = entries
            .map(|e| e.expect("the catalogue's folder is read").path())
            .filter(|f| f.extension().is_some_and(|e| e == "toml"))
            .collect();
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a shipped manifest is read");
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let manifest = Manifest::from_toml(&name, &text);
            all.merge(manifest.expect("a shipped manifest is well formed"));
        }
    }
    all
}

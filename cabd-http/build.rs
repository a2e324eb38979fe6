//! The page is embedded as `web/dist` has it; a new build of it is a new build of this crate.

fn main() {
    println!("cargo::rerun-if-changed=web/dist");
}

//! A made-up vocabulary: no name on any map is meant.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::lang::Lang;

const BEGIN: [&str; 32] = [
    "Al", "Bel", "Cor", "Dun", "El", "Far", "Gil", "Har", "Il", "Jor", "Kel", "Lor", "Mar", "Nor",
    "Or", "Pel", "Quil", "Ros", "Sel", "Tor", "Ul", "Var", "Wen", "Xan", "Yar", "Zel", "Bré",
    "Clé", "Fleu", "Mont", "Riv", "Val",
];
const END: [&str; 32] = [
    "abrook", "adale", "amont", "anville", "aroche", "asford", "avon", "ebec", "efield", "egrove",
    "emere", "enoit", "erby", "esse", "eton", "ette", "iac", "ibois", "ieux", "igan", "imoux",
    "ington", "isle", "oche", "ogama", "omouth", "onville", "orel", "oux", "ubec", "umont", "wick",
];
const AFTER: [(&str, &str); 8] = [
    ("dam", "Dam"),
    ("facility", "Generating Station"),
    ("reservoir", "Reservoir"),
    ("fall", "Falls"),
    ("structure", "Fishway"),
    ("waterbody", "River"),
    ("river", "River"),
    ("stream", "Creek"),
];
const BEFORE: [(&str, &str); 8] = [
    ("dam", "Barrage "),
    ("facility", "Centrale "),
    ("reservoir", "Réservoir "),
    ("fall", "Chute "),
    ("structure", "Passe à poissons "),
    ("waterbody", "Rivière "),
    ("river", "Rivière "),
    ("stream", "Ruisseau "),
];

/// What is named, from an attribute's identifier.
pub(super) fn kind_of(attribute: &str) -> Option<usize> {
    AFTER.iter().position(|(word, _)| {
        attribute.starts_with(word) || attribute.contains(&format!("_{word}"))
    })
}

/// A made-up name of a kind.
pub(super) fn name(rng: &mut ChaCha8Rng, kind: Option<usize>, lang: Lang) -> String {
    let draw: u32 = rng.random();
    let begin = BEGIN[(draw % 32) as usize];
    let end = END[(draw / 32 % 32) as usize];
    let mut out = String::with_capacity(40);
    if let (Some(k), Lang::Fr) = (kind, lang) {
        out.push_str(BEFORE[k].1);
    }
    out.push_str(begin);
    out.push_str(end);
    if let (Some(k), Lang::En) = (kind, lang) {
        out.push(' ');
        out.push_str(AFTER[k].1);
    }
    out
}

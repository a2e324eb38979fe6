//! Problems in French: titles, and the core's sentences.

use axum::http::StatusCode;
use cabd_core::{Error, Lang};

use crate::french_edits;

/// The short title of a status.
pub(crate) fn title(status: StatusCode, lang: Lang) -> &'static str {
    let (en, fr) = match status.as_u16() {
        400 => (
            "The request cannot be accepted",
            "La requête ne peut pas être acceptée",
        ),
        401 => ("A token is needed", "Il faut un jeton"),
        403 => ("Too many features", "Trop d’éléments"),
        404 => ("Not found", "Introuvable"),
        405 => ("Method not allowed", "Méthode non permise"),
        406 => ("Not offered in that form", "Pas offert sous cette forme"),
        409 => ("Conflict", "Conflit"),
        410 => ("Gone", "N’existe plus"),
        412 => ("The feature has changed", "L’élément a changé"),
        413 => ("The body is too large", "Le corps est trop grand"),
        414 => ("The address is too long", "L’adresse est trop longue"),
        415 => (
            "The body is of another type",
            "Le corps est d’un autre type",
        ),
        422 => ("The change is refused", "Le changement est refusé"),
        428 => ("A condition is needed", "Il faut une condition"),
        431 => ("The header is too large", "L’en-tête est trop grand"),
        501 => ("Not offered", "Pas offert"),
        503 => ("Not available at the moment", "Pas disponible en ce moment"),
        507 => ("No room is left", "Plus d’espace"),
        _ => ("The service failed", "Le service a échoué"),
    };
    match lang {
        Lang::En => en,
        Lang::Fr => fr,
    }
}

/// Sentences of the core that can reach a client, `{}` standing for what varies.
const SENTENCES: [(&str, &str); 39] = [
    (
        "no such data source",
        "cette source de données n’existe pas",
    ),
    (
        "the sources of {} are not tracked",
        "les sources de {} ne sont pas suivies",
    ),
    (
        "names are not tests of sources",
        "les noms ne sont pas des conditions sur les sources",
    ),
    (
        "nothing that is told of has this attribute",
        "rien de ce qui est raconté n’a cet attribut",
    ),
    ("no such commit", "ce commit n’existe pas"),
    (
        "neither a commit nor a time nor a release",
        "ni un commit, ni un moment, ni une version publiée",
    ),
    (
        "not a place in the feed",
        "pas un point du fil des changements",
    ),
    (
        "nothing is known of a feature of {} with this id",
        "rien n’est connu d’un élément de {} portant cet identifiant",
    ),
    (
        "not a part of the data dictionary",
        "pas une partie du dictionnaire de données",
    ),
    ("not a box", "pas une boîte"),
    (
        "the corners of the box are swapped",
        "les coins de la boîte sont inversés",
    ),
    (
        "position is not on Earth",
        "la position n’est pas sur Terre",
    ),
    ("not a position", "pas une position"),
    ("not an outline", "pas un contour"),
    (
        "the outline has too many positions",
        "le contour a trop de positions",
    ),
    (
        "the outline crosses itself or has no area",
        "le contour se croise ou n’a pas de surface",
    ),
    ("not a filter", "pas un filtre"),
    (
        "a filter needs two colons",
        "un filtre a besoin de deux deux-points",
    ),
    (
        "no attribute before the colon",
        "aucun attribut avant le deux-points",
    ),
    ("unknown operator", "opérateur inconnu"),
    (
        "filter is nested too deeply",
        "le filtre est imbriqué trop profondément",
    ),
    ("not a name filter", "pas un filtre de nom"),
    (
        "names have no order to compare",
        "les noms n’ont pas d’ordre à comparer",
    ),
    (
        "{} has no attribute to search names in",
        "{} n’a aucun attribut où chercher des noms",
    ),
    ("{} has no attribute {}", "{} n’a pas d’attribut {}"),
    (
        "{} does not apply to type {}",
        "{} ne s’applique pas au type {}",
    ),
    ("{} with {} values", "{} avec {} valeurs"),
    ("{} without a value", "{} sans valeur"),
    ("not a value of type {}", "pas une valeur du type {}"),
    ("not a date", "pas une date"),
    ("not an instant", "pas un instant"),
    ("not a UUID", "pas un UUID"),
    (
        "text holds a NUL character",
        "le texte contient un caractère NUL",
    ),
    (
        "text of {} characters is too long",
        "un texte de {} caractères est trop long",
    ),
    ("unknown attribute set", "jeu d’attributs inconnu"),
    (
        "{} holds no features of that type",
        "{} ne contient aucun élément de ce type",
    ),
    (
        "the feature type {} is not known",
        "le type d’élément {} n’est pas connu",
    ),
    (
        "{} has no feature with this id",
        "{} n’a pas d’élément portant cet identifiant",
    ),
    ("unknown language", "langue inconnue"),
];

/// What would have been accepted.
const EXPECTATIONS: [(&str, &str); 16] = [
    (
        "xmin,ymin,xmax,ymax in degrees, longitude first",
        "xmin,ymin,xmax,ymax en degrés, la longitude d’abord",
    ),
    (
        "west before east and south before north",
        "l’ouest avant l’est et le sud avant le nord",
    ),
    (
        "longitude -180 to 180 and latitude -90 to 90, longitude first",
        "longitude de -180 à 180 et latitude de -90 à 90, la longitude d’abord",
    ),
    ("lon,lat in degrees", "lon,lat en degrés"),
    (
        "<attribute>:<operator>:<value>[,<value>…], for example {}",
        "<attribut>:<opérateur>:<valeur>[,<valeur>…], par exemple {}",
    ),
    (
        "<operator>:<value>[,<value>…], for example {}",
        "<opérateur>:<valeur>[,<valeur>…], par exemple {}",
    ),
    ("{} or notnull", "{} ou notnull"),
    ("no value", "aucune valeur"),
    ("one value or more", "une valeur ou plus"),
    ("one value", "une valeur"),
    ("a value of type {}", "une valeur du type {}"),
    ("true or false", "true ou false"),
    ("a whole number", "un nombre entier"),
    ("a finite number", "un nombre fini"),
    ("a number", "un nombre"),
    (
        "8-4-4-4-12 hexadecimal digits",
        "8-4-4-4-12 chiffres hexadécimaux",
    ),
];

const MORE_EXPECTATIONS: [(&str, &str); 16] = [
    ("a POLYGON or MULTIPOLYGON", "un POLYGON ou un MULTIPOLYGON"),
    (
        "a POLYGON or MULTIPOLYGON in WKT, longitude first",
        "un POLYGON ou un MULTIPOLYGON en WKT, longitude d’abord",
    ),
    (
        "rings of three corners or more that do not cross",
        "des anneaux d’au moins trois sommets qui ne se croisent pas",
    ),
    (
        "{} notnull, from, nosource or hassource",
        "{} notnull, from, nosource ou hassource",
    ),
    (
        "the name or the identifier of a data source",
        "le nom ou l’identifiant d’une source de données",
    ),
    (
        "an attribute whose source is tracked: {}",
        "un attribut dont la source est suivie : {}",
    ),
    (
        "a stored attribute of the types, or a column of the rows around them",
        "un attribut enregistré des types, ou une colonne des lignes autour",
    ),
    (
        "a commit number from 0 to {}",
        "un numéro de commit de 0 à {}",
    ),
    (
        "a commit number, YYYY-MM-DD (the end of that day, UTC), an instant like {} or the name of a release",
        "un numéro de commit, AAAA-MM-JJ (la fin de ce jour, UTC), un moment comme {} ou le nom d’une version publiée",
    ),
    (
        "a commit number, or what an answer gave as next",
        "un numéro de commit, ou ce qu’une réponse a donné comme next",
    ),
    (
        "ds, types, or names of feature types",
        "ds, types, ou des noms de types d’élément",
    ),
    ("RFC 3339, for example {}", "RFC 3339, par exemple {}"),
    ("at most {} characters", "au plus {} caractères"),
    ("at most {} levels", "au plus {} niveaux"),
    ("at most {}", "au plus {}"),
    ("en or fr", "en ou fr"),
];

const HINTS: [(&str, &str); 9] = [
    ("there is {}", "il y a {}"),
    ("use filter instead", "employez plutôt filter"),
    (
        "no attribute of this type has a tracked source",
        "aucun attribut de ce type n’a de source suivie",
    ),
    ("releases: {}", "versions publiées : {}"),
    ("did you mean {}?", "vouliez-vous dire {}?"),
    ("known types: {}", "types connus : {}"),
    (
        "use isnull or notnull to test for missing values",
        "employez isnull ou notnull pour les valeurs manquantes",
    ),
    (
        "use in, notin, eq, neq or like",
        "employez in, notin, eq, neq ou like",
    ),
    (
        "use filter=<attribute>:like:<text> instead",
        "employez plutôt filter=<attribut>:like:<texte>",
    ),
];

/// The error's sentence; a general one where it is not known.
pub(crate) fn message(e: &Error) -> String {
    translate(&SENTENCES, e.message())
        .or_else(|| translate(&french_edits::SENTENCES, e.message()))
        .unwrap_or_else(|| "une valeur de la requête ne peut pas être acceptée".to_owned())
}

/// What is wrong, in the language asked for.
pub(crate) fn either(e: &Error, lang: Lang) -> String {
    match lang {
        Lang::En => e.message().to_owned(),
        Lang::Fr => message(e),
    }
}

/// What would have been accepted; lists of names stay as they are.
pub(crate) fn expectation(text: &str) -> String {
    translate(&EXPECTATIONS, text)
        .or_else(|| translate(&MORE_EXPECTATIONS, text))
        .or_else(|| translate(&french_edits::EXPECTATIONS, text))
        .unwrap_or_else(|| text.to_owned())
}

/// The next step.
pub(crate) fn hint(text: &str) -> String {
    translate(&HINTS, text)
        .or_else(|| translate(&french_edits::HINTS, text))
        .unwrap_or_else(|| text.to_owned())
}

fn translate(table: &[(&str, &str)], text: &str) -> Option<String> {
    table.iter().find_map(|(en, fr)| {
        let found = captures(en, text)?;
        let mut parts = fr.split("{}");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for (part, value) in parts.zip(found) {
            out.push_str(value);
            out.push_str(part);
        }
        Some(out)
    })
}

/// What stands for each `{}` of the pattern, if the text has its form.
fn captures<'a>(pattern: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = pattern.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut out = vec![];
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let end = if parts.peek().is_none() {
            rest.len()
                .checked_sub(part.len())
                .filter(|end| rest.get(*end..) == Some(part))?
        } else {
            rest.find(part)?
        };
        out.push(&rest[..end]);
        rest = &rest[end + part.len()..];
    }
    rest.is_empty().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_keep_what_varies() {
        let tr = |t: &str| translate(&SENTENCES, t);
        assert_eq!(
            tr("dams has no attribute \"heigth\"").as_deref(),
            Some("dams n’a pas d’attribut \"heigth\"")
        );
        assert_eq!(
            tr("lt does not apply to type text").as_deref(),
            Some("lt ne s’applique pas au type text")
        );
        assert_eq!(tr("not a date").as_deref(), Some("pas une date"));
        assert_eq!(tr("not a date at all"), None);
        assert_eq!(expectation("in, eq or notnull"), "in, eq ou notnull");
    }

    #[test]
    fn every_translation_has_the_places_of_its_sentence() {
        for (en, fr) in SENTENCES
            .iter()
            .chain(&EXPECTATIONS)
            .chain(&MORE_EXPECTATIONS)
            .chain(&HINTS)
            .chain(&french_edits::SENTENCES)
            .chain(&french_edits::EXPECTATIONS)
            .chain(&french_edits::HINTS)
        {
            assert_eq!(en.matches("{}").count(), fr.matches("{}").count(), "{en}");
        }
    }
}
